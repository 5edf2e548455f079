//! Round trips, the framings of other clients, limits and hostile bytes, per codec.
