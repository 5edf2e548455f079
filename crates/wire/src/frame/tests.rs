//! Tests of frames and headers.
