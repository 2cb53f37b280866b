"""Where the foreign language of a billing system ends: what comes out of this room is in our words."""
