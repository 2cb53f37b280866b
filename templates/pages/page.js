(function () {
  "use strict";
  var watch = document.getElementById("watch");
  if (!watch || !window.fetch) return;
  var began = Date.now(), timer = 0, asking = false, closed = false;

  // Only an address that is closed to looking can be watched: that another one opens says nothing.
  function keepWatch() {
    closed = true;
    watch.textContent = watch.dataset.watching;
    watch.classList.add("on");
  }

  function pause() {
    var minutes = (Date.now() - began) / 60000;
    return minutes < 3 ? 2000 : minutes < 10 ? 5000 : 15000;
  }

  function again() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(ask, pause());
  }

  function ask() {
    if (asking || document.hidden) return;
    asking = true;
    fetch(location.href, { method: "HEAD", cache: "no-store", credentials: "same-origin", redirect: "manual" })
      .then(function (answer) {
        asking = false;
        if (answer.status === 402 && !closed) keepWatch();
        // A server in trouble, or one that asks for patience, is no sign that access is back.
        if (answer.status === 402 || answer.status === 429 || answer.status >= 500) return again();
        if (!closed) return;
        watch.textContent = watch.dataset.back;
        // replace() with a fragment would only scroll.
        if (location.hash) location.reload();
        else location.replace(location.href);
      })
      .catch(function () { asking = false; again(); });
  }

  document.addEventListener("visibilitychange", function () {
    began = Date.now();
    ask();
  });
  if ("closed" in watch.dataset) {
    keepWatch();
    again();
  } else ask();
})();
