/** Starts the page: the token from the address, a name for this tab, the workers, and what is shown. */
import { render } from "solid-js/web";
import { Api } from "./api.ts";
import { App } from "./app.tsx";
import { Asker } from "./asker.ts";
import { Learner } from "./learner.ts";
import { Reader } from "./reader.ts";
import { createStore } from "./store.ts";
import "./style.css";

const TOKEN = /^#token=(.+)$/;

/** Takes the token out of the address, so that it is not bookmarked or shown to others; null when there is none. */
function takeToken(): string | null {
  const token = TOKEN.exec(location.hash)?.[1];
  if (!token) return null;
  sessionStorage.setItem("token", token);
  history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/** Keeps its name over a reload. A duplicated tab has a copy of the storage, but the lock on the name stays with the first. */
async function nameTab(): Promise<string> {
  const known = sessionStorage.getItem("tab");
  const name = known && (await lock(known)) ? known : crypto.randomUUID();
  if (name !== known) await lock(name);
  sessionStorage.setItem("tab", name);
  return name;
}

/** Holds a lock until the tab ends; false when another tab has it. */
function lock(name: string): Promise<boolean> {
  return new Promise((done) => {
    void navigator.locks.request(`tab ${name}`, { ifAvailable: true }, (held) => {
      done(held !== null);
      return held ? new Promise(() => undefined) : undefined;
    });
  });
}

const token = takeToken() ?? sessionStorage.getItem("token") ?? "";
const worker = new Worker(new URL("./propose-worker.ts", import.meta.url), { type: "module", name: "proposals" });
const startLearning = () =>
  new Worker(new URL("./learn-worker.ts", import.meta.url), { type: "module", name: "learning" });
const startReading = () =>
  new Worker(new URL("./read-worker.ts", import.meta.url), { type: "module", name: "reading" });
const store = createStore(
  new Api(token, await nameTab()),
  new Reader(startReading),
  new Asker(worker),
  new Learner(startLearning),
);

window.addEventListener("hashchange", () => {
  const renewed = takeToken();
  if (renewed) store.useToken(renewed);
});
window.addEventListener("beforeunload", (event) => {
  if (store.unsaved() > 0) event.preventDefault();
});
render(() => <App store={store} />, document.getElementById("root")!);
await store.start();
