"""Puts the house together: builds engines, clients and servers from the settings. Only `clock` reads the clock."""
