package api

import (
	"crypto/x509"
	"net/http"
	"slices"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
)

// right is what somebody must have to call a method. Why the zero value is the greatest:
// what nobody thought of is not for everybody.
type right int

const (
	administer right = iota // what cannot be undone: delete, raise the feature level; who may do what: tokens
	operate                 // nodes, snapshots, restores
	deploy                  // versions of a machine; a deployer those of its own
	write                   // commands
	read                    // everything that changes nothing
	join                    // let oneself be added as a node
)

// String is the right as problems and docs/OPERATIONS.md name it.
func (r right) String() string {
	return [...]string{"administer", "operate", "deploy", "write", "read", "join"}[r]
}

// roleRights says what each role may do. Why an operator writes no commands: who looks after
// a cluster need not be trusted with what is in it.
var roleRights = map[string][]right{
	pki.RoleReader:   {read},
	pki.RoleWriter:   {read, write},
	pki.RoleDeployer: {read, deploy},
	pki.RoleOperator: {read, deploy, operate},
	pki.RoleAdmin:    {read, write, deploy, operate, administer},
	roleNode:         {read},
	client.RoleJoin:  {join},
}

// roleNode is what a node may do at another one's API.
const roleNode = "node"

// holder is who a certificate or a token says its holder is. The zero value has no rights.
type holder struct {
	name    string
	role    string
	machine string // of a deployer
}

// holderOf reads a certificate whose chain was verified.
func holderOf(leaf *x509.Certificate, cluster string) (holder, error) {
	if of, id, err := pki.NodeIdentity(leaf); err == nil {
		return holder{name: id.String(), role: roleNode}, sameCluster(of, cluster)
	}
	of, name, text, err := pki.ClientIdentity(leaf)
	if err != nil {
		return holder{}, client.NewProblem(client.CodeNoCertificate, "the certificate of %.80q says nothing of a role: %v", leaf.Subject.CommonName, err)
	}
	h := holder{name: name}
	if h.role, h.machine, err = pki.ParseRole(text); err != nil {
		return holder{}, client.NewProblem(client.CodeNoCertificate, "the certificate of %q: %v", name, err)
	}
	return h, sameCluster(of, cluster)
}

func sameCluster(of, cluster string) error {
	if of == cluster {
		return nil
	}
	return client.NewProblem(client.CodeNoCertificate, "the certificate is for cluster %q, this is %q", of, cluster)
}

// may returns nil when the holder has the right, at a machine where one is named.
func (h holder) may(need right, machine string) error {
	if !slices.Contains(roleRights[h.role], need) {
		return client.NewProblem(client.CodeNotAllowed, "%q is a %s, who may not %s", h.name, h.role, need)
	}
	if h.machine != "" && need == deploy && machine != "" && machine != h.machine {
		return client.NewProblem(client.CodeNotAllowed, "%q may deploy to machine %q alone, not to %q", h.name, h.machine, machine)
	}
	return nil
}

// allow returns nil when the caller may call a method with this need.
func (s *Server) allow(r *http.Request, need right) error {
	if !s.config.ClientAuth {
		return nil
	}
	h, err := s.holder(r)
	if err != nil {
		return err
	}
	return h.may(need, r.PathValue("machine"))
}

// holder is who calls: who shows a token is its holder, whatever certificate is shown too.
func (s *Server) holder(r *http.Request) (holder, error) {
	if values, shown := r.Header["Authorization"]; shown {
		return s.tokenHolder(values)
	}
	return holderAt(r, s.config.Trust(), s.config.Cluster)
}
