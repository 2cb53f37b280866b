"""The gate: answers "may this account come in?" for an edge, from memory and the snapshot file, and needs nothing else.

Who asks: `settings` and `sources` say where that is read, `fields` and `shapes` read the headers; `readers`, `tokens` and
`keys` find the account, and `identity` has the words for when there is none. What is known: `book`, kept by `follow` from the
files of this machine or by `feed` from another's. The rule: `decision`, with `paths` for what stays open. The answer:
`answering` for each edge, `refusing` the refusal in its reader's form, `answers` its bytes, `negotiate` who reads it, `pages`
the lockout page, `staff` who may look all the same. On the wire: `connection` and `server` speak HTTP/1.1, `agent` and `spop`
HAProxy's own protocol. Whom the edge has to ask about at all: `asklist`, in a `haproxymap`, an `askfolder`
or an `envoyfile`. Inside the product: `local`, `asgi` and `wsgi`.
"""
