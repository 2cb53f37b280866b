module gatekeeper

go 1.22
