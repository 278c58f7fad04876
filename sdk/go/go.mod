module github.com/wraft/wraft/sdk/go

go 1.26.0
