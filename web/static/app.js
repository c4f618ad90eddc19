// The browser's part: countdowns from absolute instants, live cards, push, previews. Pages work without it.

const byId = (id) => document.getElementById(id);
const body = document.body;
const words = body.dataset;

/* time: the server's clock, so that a wrong device clock shows the right time left */

const OFFSET = "kitchen-clock-offset";
let offset = Number(localStorage.getItem(OFFSET)) || 0;

async function readClock() {
  const asked = Date.now();
  try {
    const answer = await fetch("/healthz", { cache: "no-store" });
    const arrived = Date.now();
    offset = new Date((await answer.json()).now).getTime() - (asked + arrived) / 2;
    localStorage.setItem(OFFSET, String(offset));
  } catch {
    // offline: the offset known from before holds
  }
}

const two = (number) => String(number).padStart(2, "0");

function tick() {
  const now = Date.now() + offset;
  for (const clock of document.querySelectorAll("time.countdown")) {
    const left = new Date(clock.dateTime).getTime() - now;
    const over = left < 0;
    const seconds = Math.floor(Math.abs(left) / 1000);
    clock.querySelector(".digits").textContent =
      `${over ? "−" : ""}${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    clock.nextElementSibling.querySelector(".sign").hidden = !over;
    clock.classList.toggle("is-over", over);
    clock.classList.toggle("is-soon", !over && left < Number(clock.dataset.total) * 250);
  }
}

/* live: the stream says that something changed; what is shown is read from the server, in the reader's language */

const state = { last: words.liveAfter || "", wait: 1000, source: null, resetAt: 0 };

function showLive(value) {
  const light = byId("live");
  if (!light || light.dataset.state === value) return;
  light.dataset.state = value;
  light.querySelector("span").textContent = words[`word${value[0].toUpperCase()}${value.slice(1)}`];
}

function follow() {
  state.source?.close();
  const after = state.last ? `?after=${encodeURIComponent(state.last)}` : "";
  const source = new EventSource(`/api/v1/live${after}`);
  state.source = source;
  source.onopen = () => {
    state.wait = 1000;
    showLive("online");
  };
  source.onerror = () => {
    showLive(navigator.onLine ? "waiting" : "offline");
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(follow, state.wait * (0.7 + Math.random() * 0.6));
    state.wait = Math.min(state.wait * 2, 30000);
  };
  source.addEventListener("warning", (event) => {
    state.last = event.lastEventId;
    changed(JSON.parse(event.data));
  });
  source.addEventListener("reset", () => {
    state.last = "";
    const now = Date.now();
    if (now - state.resetAt > 5000) refreshAll();
    state.resetAt = now;
  });
}

const waiting = new Map();

function changed(item) {
  clearTimeout(waiting.get(item.id));
  waiting.set(item.id, setTimeout(() => show(item), 120));
}

async function show(item) {
  waiting.delete(item.id);
  const list = byId("cards");
  if (list?.dataset.live) await showCard(list, item);
  const open = byId("warning");
  if (open && open.dataset.warning === item.id) await showDetail(open);
  refreshSoon();
}

async function fetchPart(url) {
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store" });
    return answer.ok && !answer.redirected ? await answer.text() : null;
  } catch {
    return null;
  }
}

function wanted(list, item) {
  const { live, level, merchant } = list.dataset;
  if (level && item.level !== level) return false;
  if (merchant && item.merchant !== merchant) return false;
  const open = item.state !== "closed" && item.state !== "dismissed";
  if (live === "submitted") return item.state === "submitted";
  if (live === "closed" || live === "dismissed") return item.state === live;
  return live === "open" && open;
}

async function showCard(list, item) {
  const present = byId(`warning-${item.id}`);
  const narrow = ["overdue", "soon"].includes(list.dataset.live);
  if (!present && !wanted(list, item)) return;
  if (present && !narrow && !wanted(list, item) && !present.contains(document.activeElement)) {
    present.remove();
    announceEmpty(list);
    return;
  }
  const html = await fetchPart(`/fragments/warnings/${encodeURIComponent(item.id)}`);
  if (html === null) return;
  const holder = document.createElement("template");
  holder.innerHTML = html.trim();
  const card = holder.content.firstElementChild;
  if (!card) return;
  const title = `${card.querySelector("h2").textContent.trim()} ${card.querySelector(".place")?.textContent.trim() ?? ""}`;
  const now = byId(`warning-${item.id}`);
  if (now) {
    if (now.contains(document.activeElement)) {
      const path = document.activeElement.getAttribute("href");
      now.replaceWith(card);
      card.querySelector(path ? `a[href="${CSS.escape(path)}"]` : "a")?.focus();
    } else {
      now.replaceWith(card);
    }
    byId("announcer").textContent = words.wordChanged + title;
  } else {
    card.classList.add("is-new");
    const later = [...list.children].find((other) => Number(other.dataset.sort) > Number(card.dataset.sort));
    list.insertBefore(card, later ?? null);
    byId("announcer").textContent = words.wordNew + title;
  }
  htmx.process(card);
  announceEmpty(list);
  tick();
}

function announceEmpty(list) {
  const empty = byId("empty");
  if (empty) empty.hidden = list.children.length > 0;
}

function busy(element) {
  return [...element.querySelectorAll("textarea, input:not([type=hidden])")].some(
    (field) => field === document.activeElement || (field.type === "file" ? field.files.length : field.value !== field.defaultValue),
  );
}

async function showDetail(open) {
  if (busy(open)) {
    byId("changed").hidden = false;
    return;
  }
  const html = await fetchPart(open.dataset.page);
  const fresh = html && new DOMParser().parseFromString(html, "text/html").getElementById("warning");
  if (!fresh || !open.isConnected || busy(open)) return;
  const unfolded = [...open.querySelectorAll("details")].map((one) => one.open);
  open.replaceWith(fresh);
  fresh.querySelectorAll("details").forEach((one, at) => (one.open = unfolded[at] ?? false));
  htmx.process(fresh);
  prepare(fresh);
  tick();
}

let refreshing = 0;

function refreshSoon() {
  clearTimeout(refreshing);
  refreshing = setTimeout(refreshParts, 300);
}

async function refreshParts() {
  const parts = [...document.querySelectorAll("[data-refresh]")].filter((part) => !busy(part));
  if (!parts.length) return;
  const html = await fetchPart(location.pathname + location.search);
  if (html === null) return;
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const part of parts) {
    const other = fresh.getElementById(part.id);
    if (!other || part.contains(document.activeElement) || part.querySelector("details[open]")) continue;
    part.replaceWith(other);
    htmx.process(other);
  }
}

async function refreshAll() {
  const main = byId("main");
  if (busy(main)) {
    if (byId("changed")) byId("changed").hidden = false;
    return;
  }
  const html = await fetchPart(location.pathname + location.search);
  const fresh = html && new DOMParser().parseFromString(html, "text/html");
  const other = fresh?.getElementById("main");
  if (!other) return;
  state.last = fresh.body.dataset.liveAfter || "";
  main.replaceWith(other);
  htmx.process(other);
  prepare(other);
  tick();
}

/* forms */

function prepare(root) {
  for (const field of root.querySelectorAll("[data-token]")) field.value = field.value || crypto.randomUUID?.() || String(Math.random());
  for (const input of root.querySelectorAll('input[type="file"][name="photos"]')) {
    input.addEventListener("change", () => {
      const list = input.form.querySelector(".previews");
      for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
      list.replaceChildren(
        ...[...input.files].slice(0, 9).map((file) => {
          const item = document.createElement("li");
          const image = document.createElement("img");
          image.alt = "";
          image.src = URL.createObjectURL(file);
          item.append(image);
          return item;
        }),
      );
    });
  }
  for (const field of root.querySelectorAll(".filters select")) field.addEventListener("change", () => field.form.requestSubmit());
}

document.addEventListener("htmx:beforeRequest", (event) => {
  for (const button of event.target.querySelectorAll?.("button") ?? []) button.setAttribute("aria-busy", "true");
});
document.addEventListener("htmx:afterRequest", (event) => {
  for (const button of event.target.querySelectorAll?.("button") ?? []) button.removeAttribute("aria-busy");
});
document.addEventListener("htmx:afterSettle", (event) => {
  prepare(event.target);
  tick();
  if (event.target.id === "main") event.target.focus({ preventScroll: true });
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".who[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll(".who[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

/* network */

function showNetwork() {
  byId("offline-bar").hidden = navigator.onLine;
  if (!navigator.onLine) showLive("offline");
}
window.addEventListener("online", () => {
  showNetwork();
  readClock();
  if (body.dataset.user) {
    refreshAll();
    follow();
  }
});
window.addEventListener("offline", showNetwork);

/* service worker and push */

async function csrf() {
  return document.querySelector('input[name="csrf"]')?.value ?? "";
}

function keyBytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

async function setPush(registration, button, wanted) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": await csrf() };
  const present = await registration.pushManager.getSubscription();
  if (wanted) {
    if ((await Notification.requestPermission()) !== "granted") return false;
    const made =
      present ??
      (await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: keyBytes(button.dataset.key) }));
    const answer = await fetch("/api/v1/push/subscription", { method: "POST", headers, body: JSON.stringify(made) });
    return answer.ok;
  }
  if (present) {
    await fetch("/api/v1/push/subscription", { method: "DELETE", headers, body: JSON.stringify({ endpoint: present.endpoint }) });
    await present.unsubscribe();
  }
  return false;
}

async function preparePush(registration) {
  const button = byId("push");
  if (!button || !("PushManager" in window) || !("Notification" in window)) return;
  const show = (on) => {
    button.dataset.on = on ? "yes" : "";
    button.textContent = Notification.permission === "denied" ? button.dataset.wordDenied : on ? button.dataset.wordOff : button.dataset.wordOn;
    button.disabled = Notification.permission === "denied";
  };
  show(Boolean(await registration.pushManager.getSubscription()));
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    try {
      show(await setPush(registration, button, button.dataset.on !== "yes"));
    } catch {
      show(false);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}


async function prepareWorker() {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register("/sw.js", { scope: "/" });
  const registration = await navigator.serviceWorker.ready;
  if (document.querySelector("[data-forget-pages]")) registration.active?.postMessage("forget");
  await preparePush(registration);
}

prepare(document);
showNetwork();
tick();
setInterval(tick, 1000);
readClock().then(tick);
if (body.dataset.user && window.EventSource) follow();
prepareWorker().catch(() => {});
