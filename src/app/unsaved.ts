/**
 * Actions that the server could not take, kept in the browser (IndexedDB) until it does: so that losing the server and then the
 * browser loses nothing either. Nothing is stored while the server answers.
 */
import type { Action } from "../project/annotation.ts";

export interface Unsaved {
  /** How many actions were on disk before these. */
  readonly after: number;
  readonly actions: readonly Action[];
}

const STORE = "unsaved";

/** @param image  the image file's SHA-256; an empty list forgets what was kept */
export async function keepUnsaved(image: string, unsaved: Unsaved): Promise<void> {
  const store = await openStore("readwrite");
  await (unsaved.actions.length === 0 ? finished(store.delete(image)) : finished(store.put(unsaved, image)));
}

/** What was kept for the image, or null. Only this file writes the store, so what comes back is what was put in. */
export async function findUnsaved(image: string): Promise<Unsaved | null> {
  const store = await openStore("readonly");
  return (await finished(store.get(image) as IDBRequest<Unsaved | undefined>)) ?? null;
}

async function openStore(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  const request = indexedDB.open("tendril", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  const database = await finished(request);
  const transaction = database.transaction(STORE, mode, { durability: "strict" });
  transaction.oncomplete = () => database.close();
  transaction.onabort = () => database.close();
  return transaction.objectStore(STORE);
}

function finished<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}
