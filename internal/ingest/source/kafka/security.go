package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/tarndb/tarn/paimon/errs"
)

// Secret is a text that does not print.
type Secret string

// String hides the secret.
func (Secret) String() string { return "******" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "******" }

// MarshalText hides the secret from JSON and logs.
func (Secret) MarshalText() ([]byte, error) { return []byte("******"), nil }

// Security says how brokers are reached and users known. Files and texts of
// certificates and keys are PEM.
type Security struct {
	Protocol  string // security.protocol: PLAINTEXT (default), SSL, SASL_PLAINTEXT, SASL_SSL
	Mechanism string // sasl.mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
	User      string // of sasl.jaas.config
	Password  Secret // of sasl.jaas.config

	TrustType     string // ssl.truststore.type: PEM
	TrustFile     string // ssl.truststore.location
	TrustText     string // ssl.truststore.certificates
	KeyType       string // ssl.keystore.type: PEM
	KeyFile       string // ssl.keystore.location: chain and key in one file
	KeyChain      string // ssl.keystore.certificate.chain
	KeyText       Secret // ssl.keystore.key
	AnyServerName bool   // ssl.endpoint.identification.algorithm = ''
}

const (
	noPassword = "PEM files and keys have no password here; decrypt the key (openssl pkey) and leave the option out"
	plainJAAS  = "org.apache.kafka.common.security.plain.PlainLoginModule"
	scramJAAS  = "org.apache.kafka.common.security.scram.ScramLoginModule"
)

func securityTable() []option {
	return []option{
		{key: "security.protocol", set: setProtocol},
		{key: "sasl.mechanism", set: setMechanism},
		{key: "sasl.jaas.config", set: setJAAS},
		{key: "ssl.truststore.type", set: setStore(func(c *Config) *string { return &c.Security.TrustType })},
		{key: "ssl.truststore.location", set: text(func(c *Config) *string { return &c.Security.TrustFile })},
		{key: "ssl.truststore.certificates", set: text(func(c *Config) *string { return &c.Security.TrustText })},
		{key: "ssl.keystore.type", set: setStore(func(c *Config) *string { return &c.Security.KeyType })},
		{key: "ssl.keystore.location", set: text(func(c *Config) *string { return &c.Security.KeyFile })},
		{key: "ssl.keystore.certificate.chain", set: text(func(c *Config) *string { return &c.Security.KeyChain })},
		{key: "ssl.keystore.key", set: func(c *Config, v string) error { c.Security.KeyText = Secret(v); return nil }},
		{key: "ssl.endpoint.identification.algorithm", set: setIdentification},
		{key: "ssl.truststore.password", refuse: noPassword},
		{key: "ssl.keystore.password", refuse: noPassword},
		{key: "ssl.key.password", refuse: noPassword},
		{key: "ssl.engine.factory.class", refuse: "there is no Java inside to run it"},
		{key: "ssl.protocol"}, {key: "ssl.enabled.protocols"}, {key: "ssl.cipher.suites"}, {key: "ssl.provider"},
		{key: "ssl.keymanager.algorithm"}, {key: "ssl.trustmanager.algorithm"}, {key: "ssl.secure.random.implementation"},
		{key: "sasl.client.callback.handler.class", refuse: "there is no Java inside to run it; use PLAIN or SCRAM with sasl.jaas.config"},
		{key: "sasl.login.callback.handler.class", refuse: "there is no Java inside to run it; use PLAIN or SCRAM with sasl.jaas.config"},
		{key: "sasl.login.class", refuse: "there is no Java inside to run it; use PLAIN or SCRAM with sasl.jaas.config"},
		{key: "sasl.kerberos.service.name", refuse: "Kerberos; use PLAIN or SCRAM"},
	}
}

func setProtocol(c *Config, v string) error {
	p := strings.ToUpper(strings.TrimSpace(v))
	switch p {
	case "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL":
		c.Security.Protocol = p
		return nil
	}
	return errs.Invalid("%q: want PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", v)
}

func setMechanism(c *Config, v string) error {
	m := strings.ToUpper(strings.TrimSpace(v))
	switch m {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
		c.Security.Mechanism = m
		return nil
	}
	return errs.Unsupported("%q: not supported; this version has PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512", v)
}

var jaasOption = regexp.MustCompile(`([A-Za-z0-9_.]+)\s*=\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^\s;"']+)`)

// setJAAS reads "<module> required username="…" password="…";". Its errors do
// not show the text.
func setJAAS(c *Config, v string) error {
	module, rest, _ := strings.Cut(strings.TrimSpace(v), " ")
	if module != plainJAAS && module != scramJAAS {
		return errs.Unsupported("module %q: not supported; this version has %s and %s", module, plainJAAS, scramJAAS)
	}
	for _, m := range jaasOption.FindAllStringSubmatch(rest, -1) {
		value := m[2]
		if value[0] == '"' || value[0] == '\'' {
			value = value[1 : len(value)-1]
		}
		value = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(value)
		switch m[1] {
		case "username":
			c.Security.User = value
		case "password":
			c.Security.Password = Secret(value)
		case "tokenauth":
			return errs.Unsupported("tokenauth: not supported; use a user and a password")
		}
	}
	if c.Security.User == "" || c.Security.Password == "" {
		return errs.Invalid("want %s required username=\"…\" password=\"…\";", module)
	}
	return nil
}

func setStore(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if !strings.EqualFold(strings.TrimSpace(v), "PEM") {
			return errs.Unsupported("%q: not supported, only PEM: export certificates with keytool -exportcert -rfc, keys with openssl pkcs12 -nodes", v)
		}
		*field(c) = "PEM"
		return nil
	}
}

func setIdentification(c *Config, v string) error {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "https":
	case "":
		c.Security.AnyServerName = true
	default:
		return errs.Invalid("%q: want https, or '' for none", v)
	}
	return nil
}

func (s *Security) usesTLS() bool  { return s.Protocol == "SSL" || s.Protocol == "SASL_SSL" }
func (s *Security) usesSASL() bool { return strings.HasPrefix(s.Protocol, "SASL_") }

func (s *Security) validate() error {
	switch {
	case s.usesSASL() && s.Mechanism == "":
		return errs.Invalid("kafka option \"properties.security.protocol\" = %s: needs properties.sasl.mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (Kafka's default, GSSAPI, is not supported)", s.Protocol)
	case s.usesSASL() && s.User == "":
		return errs.Invalid("kafka option \"properties.security.protocol\" = %s: needs properties.sasl.jaas.config with a user and a password", s.Protocol)
	case !s.usesSASL() && (s.Mechanism != "" || s.User != ""):
		return errs.Invalid("kafka options \"properties.sasl.…\" have no effect on 'properties.security.protocol' = '%s': set it to SASL_PLAINTEXT or SASL_SSL", s.Protocol)
	case (s.TrustFile != "" || s.TrustText != "") && s.TrustType == "":
		return errs.Unsupported("kafka option \"properties.ssl.truststore.location\": a JKS store (Kafka's default type) is not supported; export it with keytool -exportcert -rfc and set 'properties.ssl.truststore.type' = 'PEM'")
	case (s.KeyFile != "" || s.KeyText != "" || s.KeyChain != "") && s.KeyType == "":
		return errs.Unsupported("kafka option \"properties.ssl.keystore.location\": a JKS store (Kafka's default type) is not supported; export it with openssl pkcs12 -nodes and set 'properties.ssl.keystore.type' = 'PEM'")
	case s.TrustFile != "" && s.TrustText != "":
		return errs.Invalid("kafka options \"properties.ssl.truststore.location\" and \"properties.ssl.truststore.certificates\": give one of them")
	case s.KeyFile != "" && s.KeyText != "":
		return errs.Invalid("kafka options \"properties.ssl.keystore.location\" and \"properties.ssl.keystore.key\": give one of them")
	case (s.KeyText == "") != (s.KeyChain == ""):
		return errs.Invalid("kafka options \"properties.ssl.keystore.key\" and \"properties.ssl.keystore.certificate.chain\": give both")
	}
	return nil
}

// mechanism gives the SASL mechanism; nil without SASL.
func (s *Security) mechanism() sasl.Mechanism {
	if !s.usesSASL() {
		return nil
	}
	switch s.Mechanism {
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.User, Pass: string(s.Password)}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.User, Pass: string(s.Password)}.AsSha512Mechanism()
	}
	return plain.Auth{User: s.User, Pass: string(s.Password)}.AsMechanism()
}

// tls reads certificates and keys; nil without TLS.
func (s *Security) tls() (*tls.Config, error) {
	if !s.usesTLS() {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	trust, err := pem(s.TrustFile, s.TrustText)
	if err != nil {
		return nil, fmt.Errorf("kafka option \"properties.ssl.truststore.location\": %w", err)
	}
	if trust != nil {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(trust) {
			return nil, errs.Invalid("kafka: the trust store holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
		}
	}
	chain, err := pem(s.KeyFile, s.KeyChain)
	if err != nil {
		return nil, fmt.Errorf("kafka option \"properties.ssl.keystore.location\": %w", err)
	}
	if chain != nil {
		key := chain // both in one file
		if s.KeyText != "" {
			key = []byte(s.KeyText)
		}
		own, err := tls.X509KeyPair(chain, key)
		if err != nil {
			return nil, errs.Invalid("kafka: the key store is not a certificate with its key in PEM: %w", err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	if s.AnyServerName {
		c.InsecureSkipVerify = true // the chain is verified below, the name is not
		c.VerifyConnection = func(state tls.ConnectionState) error { return verifyChain(state, c.RootCAs) }
	}
	return c, nil
}

// verifyChain checks the server's certificate as usual but for its name.
func verifyChain(state tls.ConnectionState, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err
}

func pem(file, text string) ([]byte, error) {
	if file == "" && text == "" {
		return nil, nil
	}
	if text != "" {
		return []byte(text), nil
	}
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, errs.Kinded(errs.ErrNotFound, "%w", err)
	}
	return data, err
}
