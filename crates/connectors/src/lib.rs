//! Connectors: what tables read from and write to.
