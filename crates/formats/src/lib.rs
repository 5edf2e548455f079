//! Rows in JSON, CSV and raw bytes to and from Arrow, without I/O.
