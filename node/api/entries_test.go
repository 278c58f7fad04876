package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node/api/apitest"
)

// entryEvent is an entry with one command as a stream has it.
func entryEvent(index uint64, bytes int, command string) string {
	return fmt.Sprintf("id: %d\ndata: {\"index\":%d,\"term\":1,\"type\":\"command\",\"bytes\":%d,\"time_ns\":1000000000,\"wall_time\":\"2026-01-31T12:00:00Z\",\"commands\":[{%s}]}", index, index, bytes+24, command)
}

// TestEntriesStream: what is there, what comes, from an index on, the newest, and with data.
func TestEntriesStream(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	const group = 2
	path := fmt.Sprintf("/v1/groups/%d/entries", group)
	at := b.Write(group, client.Command{Data: []byte("a")})
	b.Write(group, client.Command{Key: "k", Data: []byte("bc")})
	b.Write(group, client.Command{Session: 7, Sequence: 3, Data: bytes.Repeat([]byte{'x'}, client.LogDataBytesMax+1)})
	first := entryEvent(at, 1, `"kind":"call","bytes":1`) + "\n\n"
	second := entryEvent(at+1, 2, `"kind":"keyed-call","key":"k","bytes":2`) + "\n\n"
	third := entryEvent(at+2, client.LogDataBytesMax+1, fmt.Sprintf(`"kind":"call","session":7,"sequence":3,"bytes":%d`, client.LogDataBytesMax+1)) + "\n\n"
	begin := func(at uint64) string { return fmt.Sprintf("id: %d\n\n", at) }
	for query, want := range map[string]string{
		"":                                     begin(0) + first + second + third,
		"&newest=2":                            begin(at) + second + third,
		"&newest=9":                            begin(0) + first + second + third,
		fmt.Sprintf("&from=%d", at+1):          begin(at) + second + third,
		fmt.Sprintf("&from=%d", at+9):          begin(at + 8),
		"&data=true&newest=2":                  begin(at) + strings.Replace(second, `"bytes":2}`, `"bytes":2,"data":"YmM="}`, 1) + strings.Replace(third, `4097}`, `4097,"data":"`+strings.Repeat("eHh4", client.LogDataBytesMax/3)+`eA=="}`, 1),
		"&newest=1&data=false":                 begin(at+1) + third,
		fmt.Sprintf("&from=%d", uint64(1<<63)): begin(1<<63 - 1),
	} {
		if r := c.do(t, "GET", path+"?follow=false"+query, nil); r.status != 200 || r.body != want {
			t.Errorf("%s: %d\n%s\nwant\n%s", query, r.status, r.body, want)
		}
	}
	if r := c.do(t, "GET", path+"?follow=false&newest=3", nil, fmt.Sprintf("Last-Event-ID: %d", at)); r.body != begin(at)+second+third {
		t.Errorf("behind the first: %s", r.body)
	}
	in := c.open(t, path+"?newest=1")
	in.want(strings.TrimSuffix(begin(at+1), "\n\n"))
	in.want(strings.TrimSuffix(third, "\n\n"))
	fourth := b.Write(group, client.Command{Data: []byte("d")})
	in.want(entryEvent(fourth, 1, `"kind":"call","bytes":1`))
}

// TestEntriesRefuse: each mistake has a code of its own, and what is cut off says where the log begins.
func TestEntriesRefuse(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	const path = "/v1/groups/2/entries"
	at := b.Write(2, client.Command{Data: []byte("a")})
	b.CutLog(2, at)
	r := c.do(t, "GET", fmt.Sprintf("%s?from=%d", path, at), nil)
	checkProblem(t, r, http.StatusGone, client.CodeEntriesGone, fmt.Sprintf("begins with index %d", at+1))
	if !strings.Contains(r.body, fmt.Sprintf(`"index":%d`, at+1)) {
		t.Errorf("no index: %s", r.body)
	}
	if r := c.do(t, "GET", path+"?follow=false", nil); r.body != fmt.Sprintf("id: %d\n\n", at) {
		t.Errorf("a cut log from its beginning: %s", r.body)
	}
	for query, words := range map[string]string{
		"?from=1&newest=1": "use one of them", "?from=-1": "whole number", "?newest=some": "whole number", "?data=1": "true or false", "?follow=yes": "true or false",
	} {
		checkProblem(t, c.do(t, "GET", path+query, nil), http.StatusBadRequest, client.CodeBadRequest, words)
	}
	for _, last := range []string{"a", "1-0", "18446744073709551615"} {
		checkProblem(t, c.do(t, "GET", path, nil, "Last-Event-ID: "+last), http.StatusBadRequest, client.CodeBadRequest, "no index")
	}
	for _, group := range []string{"0", "kv", "+1"} {
		checkProblem(t, c.do(t, "GET", "/v1/groups/"+group+"/entries", nil), http.StatusBadRequest, client.CodeBadRequest, "no group")
	}
	checkProblem(t, c.do(t, "GET", "/v1/groups/99/entries", nil), http.StatusNotFound, client.CodeUnknownMachine, "99")
}

// TestDataOfTheMetaGroup is for administrators: operators see all but that.
func TestDataOfTheMetaGroup(t *testing.T) {
	b, admin, s := setup(t, apitest.Options{})
	b.Write(client.MetaGroup, client.Command{Data: []byte("a hash")})
	operator := newCaller(t, s, s.RoleTLS(t, pki.RoleOperator))
	r := operator.do(t, "GET", "/v1/groups/1/entries?follow=false&data=true", nil)
	checkProblem(t, r, http.StatusForbidden, client.CodeNotAllowed, "administer")
	if !strings.Contains(r.body, "hashes of tokens") {
		t.Errorf("no hint: %s", r.body)
	}
	for query, c := range map[string]*caller{
		"/v1/groups/1/entries?follow=false": operator, "/v1/groups/2/entries?follow=false&data=true": operator, "/v1/groups/1/entries?follow=false&data=true": admin,
	} {
		r := c.do(t, "GET", query, nil)
		if r.status != http.StatusOK || strings.Contains(r.body, "YSBoYXNo") != (c == admin) {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
}
