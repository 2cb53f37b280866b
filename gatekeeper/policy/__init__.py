"""The part that customers and accountants argue about: pure functions of facts, rules and `now`. Standard library only."""
