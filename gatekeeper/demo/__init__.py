"""The whole product on invented customers, in one process: `gatekeeper demo`."""
