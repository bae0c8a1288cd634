package altertable

// Consent is what a visitor decided about tracking, as the browser SDK's
// cookie has it.
type Consent string

const (
	// ConsentUnknown means that no cookie was read, or that it holds another word.
	// Code that puts a Visitor with it into a context vouches for the consent.
	ConsentUnknown Consent = ""
	// ConsentGranted is the only one with which Client.Visitor returns ids.
	ConsentGranted Consent = "granted"
	// ConsentPending means that the visitor was not asked yet, or did not answer.
	ConsentPending Consent = "pending"
	// ConsentDenied means that the visitor refused, or dismissed the question.
	ConsentDenied Consent = "denied"
)

// dismissed is how the browser SDK notes that the question was closed.
const dismissed = "dismissed"

// consentOf returns what the cookie's word means.
func consentOf(word string) Consent {
	switch word {
	case dismissed:
		return ConsentDenied
	case string(ConsentGranted), string(ConsentPending), string(ConsentDenied):
		return Consent(word)
	}
	return ConsentUnknown
}

// isWithheld reports whether the visitor may not be tracked.
func (c Consent) isWithheld() bool {
	return c == ConsentPending || c == ConsentDenied || c == dismissed
}

// WithConsentRequired discards every Track and Identify whose context carries a
// visitor whose Consent is ConsentPending or ConsentDenied. The call returns
// nil, and Stats.Discarded counts the message. This holds for Track, Identify,
// TrackSync, IdentifySync, Enqueue and Encode. It is decided first, so that
// such a message is not validated, and neither WithPropertiesFunc nor
// WithBeforeSend sees it. A message without a visitor, or with one whose
// Consent is ConsentUnknown, passes. An Alias and a Raw pass as well. By
// default the consent decides only whether the visitor's ids are used.
//
// A message about another person than the visitor is discarded, too, such as
// one about a customer in an administrator's handler: pass
// ContextWithVisitor(ctx, Visitor{}) there.
func WithConsentRequired() Option {
	return func(cfg *config) error { cfg.consentRequired = true; return nil }
}

// lacksConsent reports whether the message in e is to be discarded, and notes why.
func (c *Client) lacksConsent(s *scope, e *envelope) bool {
	if !c.cfg.consentRequired || s == nil || !s.visitor.Consent.isWithheld() {
		return false
	}
	e.discarded = byConsent
	return true
}
