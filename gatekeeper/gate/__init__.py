"""The gate: answers "may this account come in?" for an edge, from memory and the snapshot file, and needs nothing else.

`settings` is what it is told; `fields` and `identity` tell who asks, `paths` what stays open; `decision` is the rule, pure;
`answering` goes from a request to its answer, `answers` holds the bytes, `negotiate` tells people from programs, `pages` gets
the lockout page; `follow` reads the snapshot file; `connection` and `server` speak HTTP/1.1.
"""
