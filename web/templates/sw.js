// Offline shell, and notifications. Pages go to the network first; the last seen ones are kept until the sign-out.

const SHELL = "shell-{{ version }}";
const PAGES = "pages";
const FILES = {{ shell|tojson }};
const OFFLINE = "/offline";
const WORDS = { zh: { open: "查看", later: "稍后" }, en: { open: "Open", later: "Later" } };

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(SHELL)
      .then((cache) => cache.addAll([...FILES, OFFLINE]))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== SHELL && name !== PAGES).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("message", (event) => {
  if (event.data === "forget") event.waitUntil(caches.delete(PAGES));
});

const kept = (path) => path === "/" || path.startsWith("/warnings/") || path.startsWith("/merchants/");

async function page(request) {
  const url = new URL(request.url);
  const key = url.origin + url.pathname;
  try {
    const answer = await fetch(request);
    if (answer.ok && !answer.redirected && kept(url.pathname) && !url.search) {
      const cache = await caches.open(PAGES);
      await cache.put(key, answer.clone());
    }
    return answer;
  } catch {
    return (await caches.match(key)) ?? (await caches.match(OFFLINE)) ?? Response.error();
  }
}

async function file(request) {
  return (await caches.match(request)) ?? fetch(request);
}

async function picture(request) {
  const cache = await caches.open(PAGES);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(request, answer.clone());
    return answer;
  } catch {
    return (await cache.match(request)) ?? Response.error();
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(file(request));
  else if (url.pathname.startsWith("/api/v1/evidence/")) event.respondWith(picture(request));
});

self.addEventListener("push", (event) => {
  let message = {};
  try {
    message = event.data?.json() ?? {};
  } catch {
    message = { body: event.data?.text() };
  }
  const words = WORDS[message.locale] ?? WORDS.zh;
  const about = message.data ?? {};
  event.waitUntil(
    self.registration.showNotification(message.title || "明厨亮灶", {
      body: message.body || "",
      tag: message.tag || "kitchen",
      renotify: true,
      requireInteraction: about.level === "red",
      lang: message.locale === "en" ? "en" : "zh-CN",
      icon: FILES.find((name) => name.includes("icon-192")),
      timestamp: about.at ? Date.parse(about.at) : Date.now(),
      data: { url: message.url || "/" },
      actions: [
        { action: "open", title: words.open },
        { action: "later", title: words.later },
      ],
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  if (event.action === "later") return;
  const link = new URL(event.notification.data?.url ?? "/", self.location.origin);
  if (link.origin !== self.location.origin) return;
  event.waitUntil(
    self.clients.matchAll({ type: "window", includeUncontrolled: true }).then(async (windows) => {
      const same = windows.find((one) => new URL(one.url).pathname === link.pathname) ?? windows[0];
      if (!same) return self.clients.openWindow(link.href);
      await same.focus();
      return new URL(same.url).pathname === link.pathname ? same : same.navigate(link.href);
    }),
  );
});
