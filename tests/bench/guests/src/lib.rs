//! The listeners that the benchmarks measure; see `examples`.
