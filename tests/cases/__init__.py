"""Tables of named cases and the independent oracles they are held to."""
