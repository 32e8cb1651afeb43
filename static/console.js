/* The behaviour of the console's pages, in one file: delegated listeners, no inline handlers, no eval, no text of its own
   (words come from data-text-… on <body>, so the server translates them). Pages work without it; it only makes them kinder.

   Parts: look · words and toasts · copy · menus and dialogs · questions before deeds · one submit at a time ·
          the live stream · claims · ages · rows seen and ticked · keys                                                                     */
(() => {
  "use strict";
  const root = document.documentElement;
  const text = (name) => document.body.dataset["text" + name] || "";
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const on = (event, selector, act, capture = false) => document.addEventListener(event, (e) => {
    const found = e.target.closest?.(selector);
    if (found) act(found, e);
  }, capture);

  /* ---- look: this file is loaded before the first paint, so the page never flashes in the wrong colours ---- */
  const remembered = (key) => { try { return localStorage.getItem("paydesk." + key); } catch { return null; } };
  const remember = (key, value) => { try { localStorage.setItem("paydesk." + key, value); } catch { /* private window */ } };
  const night = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const theme = remembered("theme") || "auto";
    root.dataset.bsTheme = theme === "auto" ? (night.matches ? "dark" : "light") : theme;
    root.dataset.density = remembered("density") || root.dataset.density || "standard";
    all("[data-set-theme]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.setTheme === theme)));
    all("[data-set-density]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.setDensity === root.dataset.density)));
  };
  paint();
  night.addEventListener("change", paint);
  document.addEventListener("DOMContentLoaded", paint);
  on("click", "[data-set-theme]", (b) => { remember("theme", b.dataset.setTheme); paint(); });
  on("click", "[data-set-density]", (b) => { remember("density", b.dataset.setDensity); paint(); });

  /* ---- words and toasts ---- */
  const say = (words) => { const said = document.getElementById("said"); if (said) { said.textContent = ""; said.textContent = words; } };
  const QUIET_AFTER = 8000;               // what went well leaves by itself; what went wrong stays until it is closed
  const settle = (toast) => {
    if (toast.dataset.toast === "bad" || toast.dataset.toast === "wait" || toast.dataset.settled) return;
    toast.dataset.settled = "1";
    setTimeout(() => toast.matches(":hover, :focus-within") ? delete toast.dataset.settled : toast.remove(), QUIET_AFTER);
  };
  const settleAll = () => all("#flash [data-toast]").forEach(settle);
  const toast = (words, tone = "info") => {
    const template = document.getElementById("toast"), flash = document.getElementById("flash");
    if (!template || !flash || !words) return;
    const line = template.content.firstElementChild.cloneNode(true);
    line.dataset.toast = tone;
    line.className = line.className.replace(/tone-\w+/, "tone-" + tone);
    line.querySelector("p").textContent = words;
    flash.append(line);
    settle(line);
  };
  document.addEventListener("DOMContentLoaded", settleAll);
  document.addEventListener("htmx:after:swap", settleAll);
  document.addEventListener("toast", (e) => toast(e.detail?.text ?? e.detail?.value, e.detail?.tone));   // HX-Trigger: {"toast": {…}}
  on("click", "[data-close]", (b) => b.closest("[data-toast]")?.remove());

  /* ---- copy ---- */
  const copyText = async (words) => {
    try { await navigator.clipboard.writeText(words); } catch {
      const area = Object.assign(document.createElement("textarea"), { value: words, readOnly: true, className: "visually-hidden" });
      document.body.append(area); area.select(); document.execCommand("copy"); area.remove();     // plain http, older browsers
    }
  };
  on("click", "[data-copy], [data-copy-from]", async (b, e) => {
    e.preventDefault();
    await copyText(b.dataset.copy ?? b.closest("figure").querySelector("pre").textContent);
    b.dataset.done = text("Copied"); say(text("Copied"));
    setTimeout(() => delete b.dataset.done, 1600);
  });

  /* ---- menus and dialogs ---- */
  document.addEventListener("click", (e) => all("details[data-menu][open]").forEach((d) => { if (!d.contains(e.target)) d.open = false; }));
  document.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || e.isComposing) return;
    all("details[data-menu][open]").forEach((d) => { d.open = false; d.querySelector("summary").focus(); });
    if (location.hash === "#menu") location.hash = "main";
  });
  on("click", "[data-back]", () => history.back());
  on("click", "[data-open]", (b) => document.getElementById(b.dataset.open)?.showModal());
  on("click", "[data-close-dialog]", (b) => b.closest("dialog").close());
  document.addEventListener("closeDialog", () => all("dialog[open]").forEach((d) => d.close()));   // HX-Trigger: closeDialog
  document.addEventListener("click", (e) => { if (e.target.matches?.("dialog.ask:not(.is-full)")) e.target.close(); });

  /* ---- questions before deeds: <form data-confirm="…" [data-confirm-type="1,234.50"]>, hx-confirm="…" ---- */
  const ask = (question, typed, danger) => new Promise((resolve) => {
    const dialog = document.getElementById("confirm");
    if (!dialog?.showModal) return resolve(window.confirm(question));
    const yes = dialog.querySelector("[data-confirm-yes]"), box = dialog.querySelector("[data-confirm-typed]"), input = box.querySelector("input");
    dialog.querySelector("#confirm-question").textContent = question;
    box.hidden = !typed; box.querySelector("code").textContent = typed || ""; input.value = "";
    yes.className = danger ? "btn btn-danger" : "btn btn-primary";
    const plain = (words) => words.replace(/[\s,¥]/g, "");
    const judge = () => { yes.disabled = Boolean(typed) && plain(input.value) !== plain(typed); };
    input.oninput = judge; judge();
    dialog.returnValue = "";
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
    dialog.showModal();
    (typed ? input : yes).focus();
  });
  const agreed = new WeakSet();
  on("submit", "form", async (form, e) => {
    const button = e.submitter, question = button?.dataset.confirm || form.dataset.confirm;
    if (!question || agreed.delete(form)) return;
    e.preventDefault(); e.stopImmediatePropagation();          // before htmx, which listens on the form itself
    const danger = button?.classList.contains("btn-danger");
    if (!await ask(question, button?.dataset.confirmType || form.dataset.confirmType, danger)) { button?.focus(); return; }
    agreed.add(form); form.requestSubmit(button);
  }, true);
  document.addEventListener("htmx:confirm", async (e) => {
    if (!e.detail.ctx?.confirm) return;
    e.preventDefault();
    await ask(e.detail.ctx.confirm) ? e.detail.issueRequest() : e.detail.dropRequest();
  });

  /* ---- one submit at a time: the button rests while its form is on its way ---- */
  const LONGEST = 15000;                    // a download never brings another page; the button must come back
  const buttons = (form) => [...form.elements].filter((b) => b.matches("button:not([type=button]), input[type=submit]") && !b.disabled);
  const rest = (form) => {
    if (form.getAttribute("aria-busy") === "true") return;
    form.setAttribute("aria-busy", "true");
    buttons(form).forEach((b) => { b.disabled = true; b.dataset.resting = "1"; });
    setTimeout(() => wake(form), LONGEST);
  };
  const wake = (form) => {
    form.removeAttribute("aria-busy");
    all("[data-resting]", form).forEach((b) => { b.disabled = false; delete b.dataset.resting; });
  };
  document.addEventListener("submit", (e) => {
    const form = e.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.getAttribute("aria-busy") === "true") { e.preventDefault(); return; }
    if (!e.defaultPrevented) setTimeout(() => rest(form));       // after the browser has read the pressed button's value
  });
  document.addEventListener("htmx:before:request", (e) => { const f = e.detail.ctx.sourceElement; if (f.matches?.("form")) rest(f); });
  document.addEventListener("htmx:finally:request", (e) => { const f = e.detail.ctx.sourceElement; if (f.matches?.("form")) wake(f); });
  window.addEventListener("pageshow", () => all("form[aria-busy]").forEach(wake));
  document.addEventListener("htmx:error", (e) => { if (e.detail.ctx && e.detail.ctx.sourceElement?.matches?.("form")) toast(text("Unreachable"), "bad"); });

  /* ---- a form that holds what is not saved yet asks before it is left; what comes back altered says so itself ---- */
  on("input", "form[data-unsaved]", (form) => { form.dataset.unsaved = "changed"; });
  on("submit", "form[data-unsaved]", (form, e) => { if (!e.submitter?.hasAttribute("hx-post")) form.dataset.unsaved = ""; });
  window.addEventListener("beforeunload", (e) => { if (document.querySelector("form[data-unsaved=changed]")) e.preventDefault(); });
  document.addEventListener("DOMContentLoaded", () => document.querySelector(".editor-tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }));

  /* ---- a chosen file is sent at once; without this, the button beside it does ---- */
  on("change", "[data-submit-on-choice]", (input) => { if (input.files.length) input.form.requestSubmit(); });

  /* ---- the live stream: what #connection shows, and what hx-sse leaves to us ----
     hx-sse reconnects a stream that was open; it gives up when the first request fails, and it goes on for ever on a 401.
     Comments are not events, so the server sends `event: tick` now and then: silence longer than SILENCE is a dead line. */
  const SILENCE = 45000;
  const live = { state: "waiting", heard: null, ticking: false, broke: false, connection: null, tries: 0 };
  const WORDS = { live: "Live", retrying: "Retrying", broken: "Broken" };
  const clock = (date) => date.toLocaleTimeString("en-GB", { timeZone: document.body.dataset.zone || undefined });
  const show = (state) => {
    live.state = state;
    const box = document.getElementById("connection");
    if (!box) return;
    box.dataset.state = state;
    const word = box.querySelector("[data-connection-word]"), time = box.querySelector("[data-connection-time]");
    if (word.textContent !== text(WORDS[state])) word.textContent = text(WORDS[state]);
    time.textContent = live.heard ? clock(live.heard) : "";
    box.title = live.heard ? text("Updated").replace("{time}", clock(live.heard)) : "";
  };
  const over = () => live.state === "over";
  /* The session is over: said in a dialog, because whoever is sent away loses what they were reading or writing. */
  const signedOut = () => {
    const dialog = document.getElementById("kicked");
    if (!dialog || over()) return;
    live.state = "over";
    live.connection?.reader?.cancel();
    const box = document.getElementById("connection");
    if (box) { box.dataset.state = "broken"; box.querySelector("[data-connection-word]").textContent = text("Broken"); }
    all("form[method=post] button:not([type=button])").forEach((b) => { b.disabled = true; });   // what was typed stays readable
    dialog.querySelector("a").search = new URLSearchParams({ next: location.pathname + location.search });
    if (!dialog.open) dialog.showModal();
    fetch("/login/why").then((r) => r.ok ? r.text() : "").then((why) => { if (why) dialog.querySelector("p").textContent = why; }).catch(() => {});
  };
  document.addEventListener("kicked", signedOut);
  const reopen = () => {
    const source = document.getElementById("live");
    const url = source?.getAttribute("hx-sse:connect");
    if (!url || !window.htmx || over()) return;
    const wait = Math.min(60000, 1000 * 2 ** live.tries++) * (0.7 + Math.random() * 0.6);
    show(live.tries > 3 ? "broken" : "retrying");
    setTimeout(() => { if (!source._htmx?.sse) window.htmx.ajax("GET", url, { source, swap: "none" }); }, wait);
  };
  const isLive = (e) => e.target.id === "live";
  document.addEventListener("htmx:sse:after:connection", (e) => {
    if (!isLive(e)) return;
    live.connection = e.detail.connection; live.heard = new Date(); live.tries = 0;
    show("live");
    if (live.broke) { live.broke = false; document.body.dispatchEvent(new CustomEvent("resync")); }
  });
  document.addEventListener("htmx:sse:before:connection", (e) => {
    if (over()) { e.preventDefault(); return; }                          // hx-sse would go on asking for ever
    if (!isLive(e) || !e.detail.connection.attempt) return;
    live.broke = true;
    show(e.detail.connection.attempt > 4 ? "broken" : "retrying");
  });
  document.addEventListener("htmx:sse:before:message", (e) => {
    if (!isLive(e)) return;
    live.heard = new Date(); live.ticking ||= e.detail.message.event === "tick";
    show("live");
  });
  document.addEventListener("htmx:sse:error", (e) => {
    if (!isLive(e)) return;
    if (e.detail.status === 401) { signedOut(); return; }
    live.broke = true; show(live.state === "live" ? "retrying" : live.state);
  });
  document.addEventListener("htmx:sse:close", (e) => { if (isLive(e) && e.detail.reason === "ended") { live.broke = true; reopen(); } });
  document.addEventListener("htmx:finally:request", (e) => {            // the first request came to nothing
    if (!isLive(e) || over() || e.target._htmx?.sse) return;
    if (e.detail.ctx.response?.status === 401) signedOut();
    else if (!e.detail.ctx.response?.headers.get("Content-Type")?.includes("text/event-stream")) { live.broke = true; reopen(); }
  });
  setInterval(() => {
    if (live.state !== "live" || !live.ticking || document.hidden || Date.now() - live.heard < SILENCE) return;
    live.broke = true; show("retrying"); live.connection?.reader?.cancel();
  }, 5000);
  /* An event that names its subject is said again as `about-SUBJECT` on body: the page of one thing hears only of that thing. */
  document.addEventListener("htmx:sse:after:message", (e) => {
    const subject = isLive(e) && e.detail.message.data;
    if (subject) document.body.dispatchEvent(new CustomEvent("about-" + subject));
  });
  /* A region that refreshes itself keeps what it shows when the answer is an error: an error in its place would end its life.
     A session that is over is said in words, and nothing is asked for any more. */
  document.addEventListener("htmx:after:request", (e) => {
    const { sourceElement, target, response } = e.detail.ctx;
    if (sourceElement !== target || response.status < 400) return;
    e.preventDefault();
    if (response.status === 401) signedOut();
  });
  document.addEventListener("htmx:before:request", (e) => { if (over()) e.preventDefault(); });
  /* Nothing moves under the pointer: new rows of a region with data-steady wait, counted in its data-fresh line. */
  document.addEventListener("htmx:before:swap", (e) => {
    for (const { target, fragment } of e.detail.tasks) {
      const bar = fragment?.querySelector("[data-fresh]");
      if (!bar || !target?.matches?.("[data-steady]") || !target.querySelector("tbody:hover, tbody:focus-within")) continue;
      const late = all("tbody > tr[id]", fragment).filter((row) => !document.getElementById(row.id));
      late.forEach((row) => row.remove());
      bar.hidden = !late.length;
      bar.textContent = bar.dataset.freshText.replace("{n}", late.length);
    }
  });

  /* ---- claims: [data-lease="/channels/N/lease"] counts down to the end of the holder's claim (data-lease-until), and keeps it while they
     do something on a page that can be seen. data-lease-warn seconds before the end they are asked, and from then on only the button
     keeps it. At both moments the server is asked how it stands: another page may have kept it. data-lease-fence says which claim it is; when
     it was taken anew, the forms of this page go on with the new one. 401 means that the session is over; 409 and 410 that the claim is
     lost: it is said once, and the page is asked for again. ---- */
  const SIGN_EVERY = 60, SIGNS = ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"];
  let acted = Date.now();
  SIGNS.forEach((sign) => document.addEventListener(sign, () => { acted = Date.now(); }, { passive: true, capture: true }));
  const beats = new WeakMap(), asked = new WeakMap(), fences = new Map();
  const keep = async (lease) => {
    beats.set(lease, Date.now());
    try {
      const answer = await fetch(lease.dataset.lease + "/renew", { method: "POST", credentials: "same-origin", mode: "same-origin",
        headers: { "X-CSRFToken": document.body.dataset.csrf || "", "HX-Request": "true" },
        body: new URLSearchParams({ fence: lease.dataset.leaseFence }) });
      if (answer.status === 401) signedOut();
      else if (answer.ok) lease.dataset.leaseUntil = new Date(Date.now() + ahead + 1000 * lease.dataset.leaseS).toISOString();
      else if (answer.status === 409 || answer.status === 410) {
        lease.dataset.lost = "1"; toast(text("Lost"), "bad");
        document.body.dispatchEvent(new CustomEvent("resync"));
      }
    } catch { beats.set(lease, Date.now() - 1000 * (SIGN_EVERY - 5)); }   // the line is down: try again in five seconds
  };
  const goOnWith = (lease) => {
    const { lease: url, leaseFence: fence } = lease.dataset, before = fences.get(url);
    if (before && before !== fence) all("input[name=fence]").forEach((input) => { if (input.value === before) input.value = fence; });
    fences.set(url, fence);
  };
  const countDown = (lease) => {
    goOnWith(lease);
    const { leaseUntil: until, leaseS, leaseWarn } = lease.dataset;
    if (!until || over()) return;
    const left = (Date.parse(until) - Date.now() - ahead) / 1000, seconds = Math.max(Math.ceil(left), 0);
    const words = lease.querySelector("[data-lease-words]"), warning = lease.querySelector("[data-lease-warning]");
    const said = words.dataset.textLeft.replace("{left}", `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`);
    if (words.textContent !== said) words.textContent = said;
    const stage = left < -1 ? "over" : left <= Number(leaseWarn) ? "ending" : "";
    lease.classList.toggle("is-ending", stage !== "");
    if (warning.hidden === (stage !== "")) warning.hidden = stage === "";
    if (stage && asked.get(lease) !== stage + until) { asked.set(lease, stage + until); lease.dispatchEvent(new CustomEvent("lease-check")); }
    const last = beats.get(lease) ?? 0, unheard = Math.min(Number(leaseS) - left, (Date.now() - last) / 1000);
    if (!stage && !document.hidden && !lease.dataset.lost && acted > last && unheard >= SIGN_EVERY) keep(lease);
  };
  const countAllDown = () => all("[data-lease]").forEach(countDown);
  setInterval(countAllDown, 1000);
  document.addEventListener("DOMContentLoaded", countAllDown);
  document.addEventListener("htmx:after:swap", countAllDown);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { acted = Date.now(); countAllDown(); } });

  /* ---- what is shown for a moment only: a password goes by itself ---- */
  document.addEventListener("DOMContentLoaded", () => all("[data-gone-after]").forEach((it) => setTimeout(() => it.remove(), 1000 * it.dataset.goneAfter)));

  /* ---- ages: "12 seconds ago" in the language of the page, kept true by the server's clock ---- */
  let ahead = 0;
  const STEPS = [[60, 1, "second"], [3600, 60, "minute"], [86400, 3600, "hour"], [Infinity, 86400, "day"]];
  const secondsSince = (time) => (Date.now() + ahead - Date.parse(time.dateTime)) / 1000;
  let speech;
  const ago = (seconds) => {
    speech ||= new Intl.RelativeTimeFormat(root.lang || "zh-CN", { numeric: "always", style: "short" });
    const [, size, unit] = STEPS.find(([limit]) => Math.abs(seconds) < limit);
    return speech.format(-Math.round(seconds / size), unit);
  };
  const refreshAges = () => all("time[data-age]").forEach((time) => {
    const seconds = secondsSince(time);
    if (Number.isNaN(seconds)) return;
    const words = ago(Math.max(seconds, 0));
    if (time.textContent !== words) time.textContent = words;
    if (time.dataset.staleAfter) time.classList.toggle("is-stale", seconds > Number(time.dataset.staleAfter));
  });
  document.addEventListener("DOMContentLoaded", () => {
    const now = Date.parse(document.body.dataset.now);
    if (!Number.isNaN(now)) ahead = now - Date.now();
    refreshAges(); setInterval(refreshAges, 5000);
  });
  document.addEventListener("htmx:after:swap", refreshAges);
  on("pointerover", "time[data-when]", (time) => { time.title = ago(secondsSince(time)); });
  on("focusin", "time[data-when]", (time) => { time.title = ago(secondsSince(time)); });

  /* ---- rows one has opened in this browser session, told by their tint; nobody else learns of it ---- */
  const VISITED = "paydesk.visited", VISITED_MOST = 500;
  const visited = () => { try { return JSON.parse(sessionStorage.getItem(VISITED)) || []; } catch { return []; } };
  const tint = () => {
    const seen = all("[data-visited] [data-visit]").length ? new Set(visited()) : null;
    if (seen) all("[data-visited] [data-visit]").forEach((link) => link.closest("tr").classList.toggle("is-visited", seen.has(link.dataset.visit)));
  };
  on("click", "[data-visit]", (link) => {
    try { sessionStorage.setItem(VISITED, JSON.stringify([...visited().filter((one) => one !== link.dataset.visit), link.dataset.visit].slice(-VISITED_MOST))); } catch { /* private window */ }
    tint();
  });

  /* ---- ticked rows: they stay ticked when the list refreshes itself, and the bar says how many there are ---- */
  const picks = new Set();
  const showPicks = () => {
    const bar = document.querySelector("[data-picking]"), boxes = all("[data-pick]");
    if (!bar) return;
    boxes.forEach((box) => { box.checked = picks.has(box.value); box.closest("tr").classList.toggle("is-picked", box.checked); });
    const on_page = boxes.filter((box) => box.checked).length, whole = document.querySelector("[data-pick-all]");
    if (whole) { whole.checked = boxes.length > 0 && on_page === boxes.length; whole.indeterminate = on_page > 0 && on_page < boxes.length; }
    const said = bar.querySelector("[data-picked]");
    said.dataset.none ??= said.textContent;
    said.textContent = on_page ? bar.dataset.textPicked.replace("{n}", on_page) : said.dataset.none;
    all("[data-needs-picks]", bar).forEach((button) => { button.disabled = !on_page; });
    bar.classList.toggle("has-picks", on_page > 0);
  };
  const pick = (box, wanted) => { if (wanted) picks.add(box.value); else picks.delete(box.value); };
  let anchor = null;
  on("click", "[data-pick]", (box, e) => {
    const boxes = all("[data-pick]"), here = boxes.indexOf(box), there = boxes.indexOf(anchor);
    const range = e.shiftKey && there >= 0 ? boxes.slice(Math.min(here, there), Math.max(here, there) + 1) : [box];
    range.forEach((one) => pick(one, box.checked));
    anchor = box; showPicks();
  });
  on("change", "[data-pick-all]", (whole) => { all("[data-pick]").forEach((box) => pick(box, whole.checked)); showPicks(); });
  const freshen = () => { tint(); showPicks(); };
  document.addEventListener("DOMContentLoaded", () => { all("[data-pick]:checked").forEach((box) => picks.add(box.value)); freshen(); });
  document.addEventListener("htmx:after:swap", freshen);
  window.addEventListener("pageshow", freshen);

  on("click", "[data-print]", () => window.print());

  /* ---- keys: / search, ? help, g + letter go, j k rows, x ticks one; silent while somebody is typing or composing Chinese ---- */
  const typing = (e) => e.isComposing || e.keyCode === 229 || e.ctrlKey || e.metaKey || e.altKey
    || e.target.closest?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]");
  let went = 0;
  const step = (by) => {
    const links = all("table.list tbody tr").map((row) => row.querySelector("a[href]")).filter(Boolean);
    if (!links.length) return;
    const here = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
    const next = links[Math.max(0, Math.min(links.length - 1, here + by))] || links[0];
    next.focus(); next.closest("tr").scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (e) => {
    if (typing(e)) return;
    if (Date.now() - went < 1200) {
      went = 0;
      const link = document.querySelector(`[data-go="${CSS.escape(e.key)}"]`);
      if (link) { e.preventDefault(); location.assign(link.href); }
      return;
    }
    if (e.key === "/") { const box = document.querySelector("main [data-search]") || document.querySelector("[data-search]"); if (box) { e.preventDefault(); box.focus(); box.select?.(); } }
    else if (e.key === "?") document.getElementById("help")?.showModal();
    else if (e.key === "g") went = Date.now();
    else if (e.key === "j") step(1);
    else if (e.key === "k") step(-1);
    else if (e.key === "x") document.activeElement.closest?.("tr")?.querySelector("[data-pick]")?.click();
  });
})();
