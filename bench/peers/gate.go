// What the sidecars that are written in Go do at the least: one header, one look-up, an empty answer. Less than the gate does.
package main

import (
	"net/http"
	"os"
	"strconv"
)

func main() {
	suspended := map[string]bool{}
	for number := 0; number < 100000; number += 20 {
		digits := strconv.Itoa(number)
		suspended["acct_"+("000000000000" + digits)[len(digits):]] = true
	}
	http.HandleFunc("/gate/nginx", func(answer http.ResponseWriter, request *http.Request) {
		if suspended[request.Header.Get("X-Account-Id")] {
			answer.WriteHeader(403)
			return
		}
		answer.Header().Set("Cache-Control", "no-store")
		answer.WriteHeader(200)
	})
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[1], nil); err != nil {
		panic(err)
	}
}
