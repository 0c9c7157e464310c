package mysqlwire

import (
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
)

const (
	pluginNative = "mysql_native_password"
	pluginSHA2   = "caching_sha2_password"
	saltLen      = 20
)

// account holds what is needed to check a password, never the password.
type account struct {
	empty  bool
	native []byte // SHA1(SHA1(password))
	sha2   []byte // SHA256(SHA256(password)); nil when only the native hash is known
}

// newAccount reads a password, or a hash "*" and 40 hex digits.
func newAccount(secret string) (account, error) {
	if secret == "" {
		return account{empty: true}, nil
	}
	if strings.HasPrefix(secret, "*") {
		hash, err := hex.DecodeString(secret[1:])
		if err != nil || len(hash) != sha1.Size {
			return account{}, errs.Invalid("a password hash is * and 40 hex digits; a password cannot begin with *")
		}
		return account{native: hash}, nil
	}
	inner1 := sha1.Sum([]byte(secret))
	native := sha1.Sum(inner1[:])
	inner2 := sha256.Sum256([]byte(secret))
	sha2 := sha256.Sum256(inner2[:])
	return account{native: native[:], sha2: sha2[:]}, nil
}

// plugin chooses how a client that prefers wanted proves its password.
func (a account) plugin(wanted string) string {
	if wanted == pluginSHA2 && a.sha2 != nil {
		return pluginSHA2
	}
	return pluginNative
}

// check verifies the client's proof, made with plugin over salt.
func (a account) check(plugin string, salt, proof []byte) bool {
	if a.empty {
		return len(proof) == 0
	}
	if plugin == pluginSHA2 {
		return checkSHA2(a.sha2, salt, proof)
	}
	return checkNative(a.native, salt, proof)
}

// checkNative verifies SHA1(pw) XOR SHA1(salt, SHA1(SHA1(pw))).
func checkNative(stored, salt, proof []byte) bool {
	if len(proof) != sha1.Size || len(stored) != sha1.Size {
		return false
	}
	mask := sha1.Sum(append(append([]byte(nil), salt...), stored...))
	subtle.XORBytes(mask[:], mask[:], proof)
	got := sha1.Sum(mask[:])
	return subtle.ConstantTimeCompare(got[:], stored) == 1
}

// checkSHA2 verifies SHA256(pw) XOR SHA256(SHA256(SHA256(pw)), salt): the fast
// path of caching_sha2_password, always possible as the server knows the
// middle hash from its configuration.
func checkSHA2(stored, salt, proof []byte) bool {
	if len(proof) != sha256.Size || len(stored) != sha256.Size {
		return false
	}
	mask := sha256.Sum256(append(append([]byte(nil), stored...), salt...))
	subtle.XORBytes(mask[:], mask[:], proof)
	got := sha256.Sum256(mask[:])
	return subtle.ConstantTimeCompare(got[:], stored) == 1
}

// newSalt returns 20 random bytes without the zero that would end them early.
func newSalt() []byte {
	salt := make([]byte, saltLen)
	rand.Read(salt) // never fails
	for i, b := range salt {
		salt[i] = b%94 + 33
	}
	return salt
}

// authenticate checks the reply of a client, asking again with another plugin
// when the one it used does not fit. An unknown user takes the same way, so
// that replies do not tell which names exist. again asks anew in any case, for
// a proof that was made over an old salt.
func (c *conn) authenticate(reply handshakeReply, again bool) error {
	acct, known := c.srv.accounts[reply.user]
	if !known {
		acct = account{native: newSalt(), sha2: append(newSalt(), newSalt()[:12]...)}
	}
	plugin := acct.plugin(reply.plugin)
	salt, proof := c.salt, reply.proof
	fits := !again && reply.plugin == plugin && (len(proof) > 0 || acct.empty)
	if !fits && c.caps&capPluginAuth != 0 {
		var err error
		salt = newSalt()
		if proof, err = c.switchPlugin(plugin, salt); err != nil {
			return err
		}
	}
	if !known || !acct.check(plugin, salt, proof) {
		using := "YES"
		if len(proof) == 0 {
			using = "NO"
		}
		return Errorf(CodeAccessDenied, "Access denied for user '%s'@'%s' (using password: %s)",
			clip(reply.user, 64), c.host(), using)
	}
	if plugin == pluginSHA2 && len(proof) > 0 {
		return c.sendFastAuthOK()
	}
	return nil
}

func (c *conn) switchPlugin(plugin string, salt []byte) ([]byte, error) {
	c.w.begin()
	c.w.out = append(c.w.out, 0xfe)
	c.w.out = append(c.w.out, plugin...)
	c.w.out = append(c.w.out, 0)
	c.w.out = append(c.w.out, salt...)
	c.w.out = append(c.w.out, 0)
	if err := c.w.end(); err != nil {
		return nil, err
	}
	if err := c.w.flush(); err != nil {
		return nil, err
	}
	proof, err := c.readReply()
	if err != nil {
		return nil, err
	}
	if len(proof) == 1 && proof[0] == 0 { // some clients end an empty password with a zero
		proof = nil
	}
	return append([]byte(nil), proof...), nil
}

func (c *conn) sendFastAuthOK() error {
	c.w.begin()
	c.w.out = append(c.w.out, 1, 3)
	return c.w.end()
}
