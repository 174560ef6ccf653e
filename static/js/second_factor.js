/* Security keys: the browser's answer goes into a hidden field of the form, which is then sent as usual. */
(function () {
  "use strict";
  function bytes(text) {
    var plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (c) { return c.charCodeAt(0); });
  }
  function text(buffer) {
    return btoa(String.fromCharCode.apply(null, new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }
  function listed(found) { return (found || []).map(function (each) { return Object.assign({}, each, { id: bytes(each.id) }); }); }

  function made(options) {
    options.challenge = bytes(options.challenge);
    options.user.id = bytes(options.user.id);
    options.excludeCredentials = listed(options.excludeCredentials);
    return navigator.credentials.create({ publicKey: options });
  }
  function used(options) {
    options.challenge = bytes(options.challenge);
    options.allowCredentials = listed(options.allowCredentials);
    return navigator.credentials.get({ publicKey: options });
  }
  function plain(found) {
    var response = {};
    ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"].forEach(function (name) {
      if (found.response[name]) { response[name] = text(found.response[name]); }
    });
    return {
      id: found.id, rawId: text(found.rawId), type: found.type, response: response,
      clientExtensionResults: found.getClientExtensionResults()
    };
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-key]");
    if (!button) { return; }
    event.preventDefault();
    var form = button.form, says = document.getElementById("key-says");
    if (button.dataset.key === "create" && !form.reportValidity()) { return; }
    if (!navigator.credentials || !window.PublicKeyCredential) { says.textContent = "This browser knows no security keys."; return; }
    says.textContent = "Touch your key, or follow the browser.";
    var options = JSON.parse(button.dataset.options);
    (button.dataset.key === "create" ? made(options) : used(options)).then(function (found) {
      form.elements.factor_credential.value = JSON.stringify(plain(found));
      if (form.elements.factor_code) { form.elements.factor_code.required = false; form.elements.factor_code.value = ""; }
      form.submit();
    }, function (error) {
      says.textContent = error.name === "InvalidStateError" ? "This key is registered already." : "The key gave no answer. Try again.";
    });
  });
}());
