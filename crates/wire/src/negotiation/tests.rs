//! Tests of version negotiation.
