package hints

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

const (
	jwt = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\n-----END RSA PRIVATE KEY-----"
)

// repeated makes what looks like a key, without any tool that searches the
// repository for keys finding one.
func repeated(prefix, text string, n int) string { return prefix + strings.Repeat(text, n) }

func TestSecrets(t *testing.T) {
	for _, object := range []string{
		`{"password":"hunter2!"}`, `{"Password":"hunter2!"}`, `{"userPassword":"hunter2!"}`, `{"user_passwd":"hunter2!"}`, `{"password_hash":"$2a$10$abc"}`,
		`{"password2":"hunter2!"}`, `{"new-password":"hunter2!"}`, `{"pwd":"hunter2!"}`, `{"passphrase":"correct horse battery staple"}`, `{"PASSWORD":"hunter2!"}`,
		`{"secret":"s3cr3tvalue"}`, `{"clientSecret":"s3cr3tvalue"}`, `{"token":"a1b2c3"}`, `{"token":"a1b2c3d4e5"}`, `{"access_token":"abcdefghijklmnopqrstuvwxyz"}`, `{"refreshToken":"a1b2c3d4e5"}`,
		`{"api_key":"a1b2c3d4e5"}`, `{"apiKey":"a1b2c3d4e5"}`, `{"APIKey":"a1b2c3d4e5"}`, `{"x-api-key":"a1b2c3d4e5"}`, `{"apikey":"a1b2c3d4e5"}`,
		`{"authorization":"Bearer abcdefghijkl"}`, `{"Authorization Header":"Basic dXNlcjpwYXNz"}`, `{"cookie":"session=abc; theme=dark"}`,
		`{"credit_card":"4242 4242 4242 4242"}`, `{"creditCardNumber":"4242424242424242"}`, `{"card_number":4242424242424242}`, `{"pan":"378282246310005"}`,
		`{"cvv":"123"}`, `{"cvc":1234}`, `{"cvv_code":"123"}`, `{"iban":"DE89 3704 0044 0532 0130 00"}`, `{"iban":"GB82WEST12345698765432"}`,
		`{"ssn":"078-05-1120"}`, `{"ssn":"078051120"}`, `{"social_security_number":"078-05-1120"}`, `{"ssn":178051120}`,
		// Whatever the name.
		`{"note":"4111 1111 1111 1111"}`, `{"note":"pay with 4111-1111-1111-1111 please"}`, `{"note":"4111111111111111"}`, `{"note":"3782 822463 10005"}`,
		`{"note":"card 5555 5555 5555 4444."}`, `{"order_id":"4242 4242 4242 4242"}`, `{"note":"6011111111111117"}`, `{"note":"3530111333300000"}`, `{"note":"30569309025904"}`,
		`{"x":"` + jwt + `"}`, `{"x":"Bearer ` + jwt + `"}`, `{"url":"https://example.com/?t=` + jwt + `&x=1"}`, `{"x":"eyJ ` + jwt + `"}`,
		fmt.Sprintf(`{"x":%q}`, pem),
		`{"x":"` + repeated("sk_live_", "a1B2", 6) + `"}`, `{"x":"` + repeated("ghp_", "a1B2", 9) + `"}`, `{"x":"key ` + repeated("AKIA", "A1B2", 4) + `"}`, `{"x":"` + repeated("sk-", "a1B2", 10) + `"}`,
		`{"x":"` + repeated("xoxb-", "1234-", 5) + `a"}`, `{"x":"` + repeated("atm_", "a1B2", 6) + `"}`, `{"x":"` + repeated("glpat-", "a1B2", 5) + `"}`, `{"x":"` + repeated("AIza", "a1B2c", 7) + `"}`,
		`{"dsn":"postgres://app:hunter2@db.internal:5432/app"}`, `{"x":"redis://:hunter2@cache"}`,
		// Within.
		`{"user":{"profile":{"password":"hunter2!"}}}`, `{"items":[1,{"token":"a1b2c3d4e5"}]}`, `{"tokens":["` + jwt + `"]}`, `{"card":["4242 4242 4242 4242"]}`,
	} {
		var decoded map[string]any
		require.NoError(t, json.Unmarshal([]byte(object), &decoded), object)
		hints := OfEvent(&altertabletest.Event{Properties: decoded}, "")
		assert.Equal(t, []string{"secret-trait"}, codesOf(hints), object)
		assert.Equal(t, []string{"secret-trait"}, codesOf(OfUpdate(&altertabletest.Update{Traits: decoded})), object)
		assert.Equal(t, []string{"secret-trait"}, codesOf(OfIdentity(&altertabletest.Identity{Traits: decoded}, nil)), object)
		for _, h := range hints {
			for _, value := range []string{"hunter2", "4242", "4111", "a1b2", "a1B2", "eyJ", "078", "MIIB", "abcdef", "s3cr", "DE89"} {
				assert.NotContains(t, h.Text, value, object)
			}
		}
	}
}

func TestNoSecrets(t *testing.T) {
	for _, object := range []string{
		`{}`, `{"password":true}`, `{"password":false}`, `{"password":""}`, `{"password":null}`, `{"password":12}`, `{"password":"***"}`, `{"password":"[FILTERED]"}`, `{"password":"REDACTED"}`,
		`{"password":"changed"}`, `{"password":"invalid"}`, `{"password_changed":true}`, `{"password_changed":"2026-01-02T12:00:00Z"}`, `{"has_password":true}`, `{"has_password":"yes"}`,
		`{"password_strength":"excellent"}`, `{"password_length":12}`, `{"password_reset_at":"2026-01-02"}`, `{"pwd":"/home/ada"}`, `{"passwordless":"enabled1"}`,
		`{"tokens_used":5}`, `{"tokens":12000}`, `{"token_count":1200000000}`, `{"max_token":4096}`, `{"token_type":"bearer_v2_long"}`, `{"token":"ETH"}`, `{"token":"ethereum"}`, `{"token":5}`,
		`{"next_page_token":"CAUQAA1bCd9"}`, `{"syncToken":"CAUQAA1bCd9"}`, `{"push_token":"c1d2e3f4a5b6"}`, `{"design_token":"color-1000"}`, `{"tokenizer":"cl100k_base_v2"}`,
		`{"secret":"santa party"}`, `{"secret_santa":"participant1"}`, `{"secretary":"Ada Lovelace 1"}`, `{"secret_level_reached":"level-12-b"}`,
		`{"api_key_id":"a1b2c3d4e5"}`, `{"api_key_created":true}`, `{"api_key":"pk_live_a1b2c3d4"}`, `{"idempotency_key":"a1b2c3d4e5f6"}`, `{"public_key":"a1b2c3d4e5f6"}`, `{"key":"a1b2c3d4e5f6"}`,
		`{"authorization":"granted"}`, `{"authorization_status":"approved-2026"}`, `{"cookie":"accepted"}`, `{"cookie_consent":"analytics=1"}`, `{"cookies":5}`, `{"cookie":"chocolate chip"}`,
		`{"credit_card":"visa"}`, `{"credit_card":true}`, `{"credit_card":"**** **** **** 4242"}`, `{"card_brand":"visa"}`, `{"card_last4":"4242"}`, `{"card_id":"4242424242424242"}`, `{"card":"Ace of spades"}`,
		`{"cvv":true}`, `{"cvv_check":"pass"}`, `{"cvv":"ok"}`, `{"iban":"provided"}`, `{"iban_country":"DE"}`, `{"ssn":"***-**-1120"}`, `{"ssn":"provided"}`, `{"ssn_last4":"1120"}`,
		// Numbers that are no cards.
		`{"n":1767355200000}`, `{"t":"1767355200000"}`, `{"t":"1767355200000000"}`, `{"t":"1767355200000000000"}`, `{"t":"20260102120000000"}`, `{"t":"2026-01-02 12:00:00"}`,
		`{"x":"4242424242424241"}`, `{"order_id":"4242424242424242"}`, `{"orderNumber":"4242424242424242"}`, `{"tracking":"4242424242424242"}`, `{"amount_micros":4242424242424242}`,
		`{"ean":"4006381333931"}`, `{"x":"4006381333931"}`, `{"imei":"378282246310005"}`, `{"x":"0000000000000000"}`, `{"x":"1111 1111 1111 1117"}`,
		`{"phone":"+49 4242 4242 4242"}`, `{"x":"7c9e6679-4242-4242-4242-424242424242"}`, `{"x":"4242.4242.4242.4242"}`, `{"x":"https://x.example/4242424242424242"}`, `{"x":"a4242424242424242"}`,
		`{"x":"408-4242424-4242424"}`, `{"snowflake":"1186322047823069194"}`, `{"client_id":"1234567890.1234567890"}`, `{"x":"424242 4242 424242"}`, `{"pi":3.141592653589793}`,
		// Texts that are no keys.
		`{"x":"eyJhbGciOiJIUzI1NiJ9"}`, `{"x":"a.b.c"}`, `{"x":"eyJub3QiOiJhIGp3dCJ9.eyJhIjoxfQ.c2ln"}`, `{"x":"example.com/a.b.c"}`, `{"x":"eyJ.eyJ.eyJ"}`,
		`{"x":"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----"}`, `{"x":"-----BEGIN CERTIFICATE-----"}`, `{"x":"sk-loading-spinner-element-42"}`, `{"lang":"sk-SK"}`,
		`{"x":"task-12345678901234567890"}`, `{"x":"AKIATRIED"}`, `{"x":"npm_config_registry_location_2"}`, `{"x":"atm_withdrawal_completed_2026"}`, `{"x":"xoxb"}`, `{"x":"SG.12"}`,
		`{"url":"https://example.com:443/path"}`, `{"url":"https://example.com/a:b@c"}`, `{"url":"https://public@sentry.example/1"}`, `{"dsn":"postgres://app:****@db/app"}`, `{"x":"mailto:ada@example.com"}`,
		`{"email":"ada@example.com","plan":"pro","name":"Ada","seats":5,"revenue":49.99,"currency":"USD","$lib":"altertable-go","$lib_version":"1.2.3","$ip":0}`,
		`{"page":"/login?next=/reset-password","field":"password","method":"token","provider":"github"}`,
		`{"stripe_customer":"cus_NffrFeUfNV2Hib","invoice":"in_1MtHbELkdIwHu7ixl4OzzPMv","session":"s_01jza857w4f2"}`,
	} {
		var decoded map[string]any
		require.NoError(t, json.Unmarshal([]byte(object), &decoded), object)
		assert.Empty(t, OfEvent(&altertabletest.Event{Properties: decoded}, ""), object)
	}
}

// Of what is large no more than a part is looked at.
func TestSecretSearchIsBounded(t *testing.T) {
	list := make([]any, 1_000_000)
	for i := range list {
		list[i] = "text"
	}
	large := map[string]any{"list": list, "text": strings.Repeat("eyJ", 700_000), "digits": strings.Repeat("4 ", 1_000_000), "dots": strings.Repeat("eyJ.", 500_000)}
	assert.Empty(t, OfEvent(&altertabletest.Event{Properties: large}, ""))
	for name, value := range large {
		s := secretSearch{values: lookedValues, bytes: lookedBytes}
		s.object(map[string]any{name: value})
		assert.GreaterOrEqual(t, s.values, -1, "no value after the last one that counts")
		assert.GreaterOrEqual(t, s.bytes, lookedBytes-max(lookedText, lookedValues*len("text")), "no more of one text, and of each in the list")
	}
}
