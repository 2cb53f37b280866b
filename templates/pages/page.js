(function () {
  "use strict";
  var watch = document.getElementById("watch");
  if (!watch || !window.fetch) return;
  var said = watch.dataset, place = said.home || location.href;
  var began = Date.now(), timer = 0, asking = false, closed = false, haste = 0, listening = null, listened = 0;

  // Only an address that is closed to looking can be watched: that another one opens says nothing.
  function keepWatch() {
    closed = true;
    watch.textContent = said.watching;
    watch.hidden = false;
    watch.classList.add("on");
    listen();
  }

  function pause() {
    if (haste > 0) {
      haste -= 1;
      return 250;
    }
    var minutes = (Date.now() - began) / 60000;
    return listening || minutes >= 10 ? 15000 : minutes < 3 ? 2000 : 5000;
  }

  function again() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(ask, pause());
  }

  function look(address) {
    return fetch(address, { method: "HEAD", cache: "no-store", credentials: "same-origin", redirect: "manual" });
  }

  function load() {
    // replace() with a fragment would only scroll.
    if (place === location.href && location.hash) location.reload();
    else location.replace(place);
  }

  function ask() {
    if (asking || document.hidden) return;
    asking = true;
    look(place)
      .then(function (answer) {
        asking = false;
        if (answer.status === 402 && !closed) keepWatch();
        // A server in trouble, or one that asks for patience, is no sign that access is back.
        if (answer.status === 402 || answer.status === 429 || answer.status >= 500) {
          if (answer.status === 402) renew();
          if (closed) listen();
          return again();
        }
        if (!closed) return;
        watch.textContent = said.back;
        load();
      })
      .catch(function () { asking = false; again(); });
  }

  // Told at once when access is back. The gate may learn of it a moment later: so it is asked, in haste.
  function listen() {
    if (!said.token || listening || document.hidden || !window.AbortController || Date.now() - listened < 60000) return;
    var mine = listening = new AbortController();
    listened = Date.now();
    fetch("/overdue/watch", {
      method: "POST", cache: "no-store", credentials: "same-origin", signal: mine.signal,
      body: new URLSearchParams({ token: said.token })
    })
      .then(function (answer) {
        var reader = answer.body.getReader(), decoder = new TextDecoder(), heard = "";
        return reader.read().then(function more(piece) {
          if (!answer.ok || piece.done) return;
          heard = (heard + decoder.decode(piece.value, { stream: true })).slice(-99);
          if (heard.indexOf("event: open\n") < 0) return reader.read().then(more);
          haste = 40;
          clearTimeout(timer);
          ask();
        });
      })
      .catch(function () {})
      .then(function () {
        if (listening === mine) listening = null;
        mine.abort();
        // Who is not told any more asks more often, from now on.
        again();
      });
  }

  // The page that stands in gives way as soon as the real one can be had: seldom, should that bring this one again.
  function renew() {
    if (!("standIn" in said)) return;
    look("/overdue")
      .then(function (answer) {
        if (answer.status !== 403) return;
        var tried = (sessionStorage.getItem("gatekeeper.renewed") || "0 0").split(" "), times = +tried[0];
        if (times && Date.now() - tried[1] < Math.min(5000 * Math.pow(3, times), 300000)) return;
        sessionStorage.setItem("gatekeeper.renewed", times + 1 + " " + Date.now());
        load();
      })
      .catch(function () {});
  }

  document.addEventListener("visibilitychange", function () {
    began = Date.now();
    listened = 0;
    if (document.hidden && listening) listening.abort();
    ask();
  });
  if (said.token) {
    try { sessionStorage.removeItem("gatekeeper.renewed"); } catch (refused) { /* then nothing was kept either */ }
  }
  if ("closed" in said) {
    keepWatch();
    again();
  } else ask();
})();
