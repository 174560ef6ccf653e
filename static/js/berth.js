/* Comforts on top of pages that work without script: copy, shortcuts, follow, fresh ages, one submit, live notes. */
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.remove("no-js");

  // On a narrow window the tab of this page may lie beyond the edge of its row.
  document.querySelectorAll(".tabs [aria-current]").forEach(function (tab) { tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 24; });

  function typing(el) { return el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName); }
  function each(selector, act, within) { (within || document).querySelectorAll(selector).forEach(act); }

  // Copy, with an answer that readers hear too.
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) { return; }
    navigator.clipboard.writeText(button.dataset.copy).then(function () {
      var before = button.getAttribute("aria-label");
      button.classList.add("is-done");
      button.setAttribute("aria-label", "Copied");
      setTimeout(function () { button.classList.remove("is-done"); button.setAttribute("aria-label", before); }, 2000);
    });
  });

  // Menus shut when the focus or the pointer goes elsewhere.
  function shutMenus(target) { each("details[data-menu][open]", function (menu) { if (!menu.contains(target)) { menu.open = false; } }); }
  document.addEventListener("click", function (event) { shutMenus(event.target); });
  document.addEventListener("focusin", function (event) { shutMenus(event.target); });

  // Shortcuts: / search, ? list, g then a letter, Escape.
  var goSince = 0;
  function go(key) { var link = document.querySelector('[data-go="' + CSS.escape(key) + '"]'); if (link) { location.href = link.href; } }
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (event.key === "Escape") {
      shutMenus(null);
      if (location.hash === "#shortcuts" || location.hash === "#menu") { location.hash = "page"; }
      if (typing(event.target)) { event.target.blur(); }
    } else if (typing(event.target)) {
      return;
    } else if (event.key === "/") {
      var field = document.querySelector("[data-search]");
      if (field) { event.preventDefault(); field.focus(); field.select(); }
    } else if (event.key === "?") {
      location.hash = location.hash === "#shortcuts" ? "page" : "shortcuts";
    } else if (event.key === "g") {
      goSince = Date.now();
    } else if (Date.now() - goSince < 1500) {
      goSince = 0;
      go(event.key);
    } else if (keys[event.key] && document.querySelector("[data-inbox], [data-approve]")) {
      event.preventDefault();
      keys[event.key]();
    }
  });

  // The inbox by keyboard: j and k walk, x chooses, a and r go to signing. Where a plan is read: a, r, n. Nothing is
  // signed by a letter: each only brings the focus to what a person then presses.
  function walk(step) {
    var links = Array.prototype.slice.call(document.querySelectorAll("[data-inbox] [data-open]"));
    var at = links.findIndex(function (link) { return link.closest("[data-row]").contains(document.activeElement); });
    var next = links[Math.min(Math.max(at + step, 0), links.length - 1)];
    if (next) { next.focus(); next.closest("[data-row]").scrollIntoView({ block: "nearest" }); }
  }
  function inRow(selector) {
    var row = document.activeElement && document.activeElement.closest("[data-row]");
    return row && row.querySelector(selector);
  }
  var keys = {
    j: function () { walk(1); },
    k: function () { walk(-1); },
    x: function () { var box = inRow("input[type=checkbox]"); if (box) { box.checked = !box.checked; } },
    a: function () { var link = inRow("[data-open]"); if (link) { location.href = link.href + "#signing"; } else { focusOn("[data-approve]"); } },
    r: function () { var link = inRow("[data-open]"); if (link) { location.href = link.href + "#id_reason"; } else { focusOn("#id_reason"); } },
    n: function () { var link = document.querySelector("[data-next]"); if (link) { location.href = link.href; } }
  };
  function focusOn(selector) { var el = document.querySelector(selector); if (el) { el.focus(); el.scrollIntoView({ block: "center" }); } }

  // Ages stay true while a page is open; the words are those of berth_words.py.
  function roughly(s) {
    if (s >= 86400) { return Math.floor(s / 86400) + " d"; }
    if (s >= 3600) { return Math.floor(s / 3600) + " h"; }
    return s >= 60 ? Math.floor(s / 60) + " min" : s + " s";
  }
  function span(s) {
    var d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
    if (d >= 10) { return d + " d"; }
    if (d) { return d + " d" + (h ? " " + h + " h" : ""); }
    if (h) { return h + " h" + (m ? " " + m + " min" : ""); }
    return m ? m + " min" : s + " s";
  }
  var skew = 0;
  each("[data-live-note] time", function (el) { skew = Date.now() - Date.parse(el.dateTime); });
  function refresh() {
    each("time[data-live]", function (el) {
      var s = Math.floor((Date.now() - skew - Date.parse(el.dateTime)) / 1000), kind = el.dataset.live;
      if (kind === "until" && s < 0) { el.textContent = span(-s); return; }
      s = Math.max(0, s);
      el.textContent = kind === "age" ? roughly(s) : s < 5 ? "just now" : roughly(s) + " ago";
    });
  }
  setInterval(refresh, 10000);

  // A form marked data-once is sent once; coming back by the browser's history frees it again.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.matches("[data-once]")) { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", function () { each("form[data-sent]", function (form) { delete form.dataset.sent; }); });
  document.addEventListener("htmx:afterRequest", function (event) { if (event.target.dataset) { delete event.target.dataset.sent; } });

  // Unavailable buttons stay where they are and do nothing.
  document.addEventListener("click", function (event) {
    if (event.target.closest('.btn[aria-disabled="true"]')) { event.preventDefault(); }
  }, true);

  // The log follows its end until the reader turns that off or scrolls up.
  var log = document.getElementById("log"), follow = document.querySelector('[data-follow="log"]');
  function setFollow(on) {
    follow.setAttribute("aria-pressed", on ? "true" : "false");
    each("[data-follow-note]", function (el) { el.textContent = on ? "following" : "not following"; });
    if (on) { log.scrollTop = log.scrollHeight; }
  }
  if (log && follow) {
    follow.addEventListener("click", function () { setFollow(follow.getAttribute("aria-pressed") !== "true"); });
    log.addEventListener("wheel", function (event) { if (event.deltaY < 0) { setFollow(false); } }, { passive: true });
    log.addEventListener("keydown", function (event) { if (/^(ArrowUp|PageUp|Home)$/.test(event.key)) { setFollow(false); } });
    log.addEventListener("htmx:sseMessage", function () { if (follow.getAttribute("aria-pressed") === "true") { log.scrollTop = log.scrollHeight; } });
    setFollow(true);
  }

  // Live updates lost: say so and reload until they are back.
  var fails = 0, timer = 0;
  function note(lost) {
    each("[data-live-note]", function (el) {
      el.parentElement.classList.toggle("is-lost", lost);
      if (lost) { el.textContent = "Live updates stopped. Reloading every 5 s."; }
    });
    each("[data-stream-note]", function (el) { if (lost) { el.textContent = "Live updates stopped. Reloading every 5 s."; } });
  }
  document.addEventListener("htmx:sseError", function () {
    fails += 1;
    if (fails < 3 || timer) { return; }
    note(true);
    timer = setInterval(function () { if (!typing(document.activeElement)) { location.reload(); } }, 5000);
  });
  document.addEventListener("htmx:sseOpen", function () { fails = 0; });
})();
