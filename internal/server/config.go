package server

import "github.com/wraft/wraft/internal/nodeconfig"

// Config is the configuration of one node.
type Config = nodeconfig.Config

// ClientAuthRequire is the value of Config.TLS.ClientAuth that asks API clients for
// a certificate.
const ClientAuthRequire = nodeconfig.ClientAuthRequire
