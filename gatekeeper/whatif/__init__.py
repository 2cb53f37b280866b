"""What would happen: the coming days, and what another policy would do or would have done. Nothing here writes or sends."""
