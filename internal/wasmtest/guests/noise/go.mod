module github.com/wraft/wraft/internal/wasmtest/guests/noise

go 1.26.0

require github.com/wraft/wraft/sdk/go v0.0.0

replace github.com/wraft/wraft/sdk/go => ../../../../sdk/go
