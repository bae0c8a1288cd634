// What the browser SDK does with its cookie: a visitor gets an anonymous id, a
// login moves it aside, and after a logout the next visitor starts afresh.
// Consent is taken as granted here; a real page asks.
const {cookie: name, user} = document.currentScript.dataset;
const found = document.cookie.split("; ").find(c => c.startsWith(name + "="));
let state = found ? JSON.parse(decodeURIComponent(found.slice(name.length + 1))) : null;
if (!state || state.anonymousId && state.distinctId !== user) { // nobody's, or of a user who is no longer signed in
  state = {
    deviceId: state ? state.deviceId : "device-" + crypto.randomUUID(),
    distinctId: "anonymous-" + crypto.randomUUID(),
    anonymousId: null,
    sessionId: "session-" + crypto.randomUUID(),
    lastEventAt: null,
    trackingConsent: "granted",
  };
}
if (user && state.distinctId !== user) {
  state.anonymousId = state.distinctId;
  state.distinctId = user;
}
document.cookie = name + "=" + encodeURIComponent(JSON.stringify(state)) + ";path=/";
