// Checks one entry of the log in this browser, and trusts nothing that the service says about it.
//
//   (1) the key is the one that was pinned (C2SP vkey)
//   (2) it signed the checkpoint (C2SP signed-note, Ed25519 by WebCrypto)
//   (3) the leaf hash is made of the bytes of the entry (RFC 6962: SHA-256 of 0x00 and the entry)
//   (4) the proof leads from it to the root of the checkpoint (RFC 9162, 2.1.3.2)
//   (5) the log goes on from the checkpoint that this browser kept last (RFC 9162, 2.1.4.2)
//
// Nothing else is loaded. What is kept stays in this browser: the pinned key, the last checkpoint.

const encoder = new TextEncoder();

export class Wrong extends Error {}

export function bytesOf(base64) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw new Wrong("base64");
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

const joined = (...parts) => {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) { all.set(part, at); at += part.length; }
  return all;
};

export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
export const leafHash = (entry) => sha256(joined([0], entry));
const nodeHash = (left, right) => sha256(joined([1], left, right));
export const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** The keys of a log.vkey: one a line, with the sizes that each signs. */
export async function parseKeys(text) {
  const keys = [];
  for (const line of text.trim().split("\n")) {
    const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)(?: from (\d+))?(?: until (\d+))?$/
      .exec(line.trim());
    if (!match) throw new Wrong("vkey");
    const raw = bytesOf(match[3]);
    if (raw[0] !== 1) continue; // a second signer, of another algorithm
    if (raw.length !== 33) throw new Wrong("vkey");
    const id = (await sha256(joined(encoder.encode(`${match[1]}\n`), raw))).slice(0, 4);
    const claimed = Uint8Array.from(match[2].match(/../g), (hex) => parseInt(hex, 16));
    if (!same(id, claimed)) throw new Wrong("vkey");
    const key = await crypto.subtle.importKey("raw", raw.slice(1), "Ed25519", false, ["verify"]);
    keys.push({
      name: match[1], id, key,
      first: Number(match[4] ?? 0), last: Number(match[5] ?? Number.MAX_SAFE_INTEGER),
    });
  }
  if (!keys.length) throw new Wrong("vkey");
  return keys;
}

/** The text of a signed note, once a key that signs trees of this size signed it. `place` says in
    which line origin and size stand: a checkpoint has them first, a statement after its kind. */
export async function openNote(note, keys, place = 0) {
  const cut = note.lastIndexOf("\n\n");
  if (cut < 0) throw new Wrong("note");
  const text = note.slice(0, cut + 1);
  const lines = text.split("\n");
  if (lines.length !== 4 + place || !/^(0|[1-9]\d{0,15})$/.test(lines[1 + place])) {
    throw new Wrong("checkpoint");
  }
  const origin = lines[place], size = Number(lines[1 + place]), hash = bytesOf(lines[2 + place]);
  if (hash.length !== 32) throw new Wrong("checkpoint");
  let signed = false;
  for (const line of note.slice(cut + 2).trimEnd().split("\n")) {
    const [dash, name, encoded] = line.split(" ");
    if (dash !== "—" || !encoded) throw new Wrong("note");
    const raw = bytesOf(encoded);
    for (const key of keys) {
      if (key.name !== name || !same(raw.slice(0, 4), key.id)) continue;
      const sound = await crypto.subtle.verify(
        "Ed25519", key.key, raw.slice(4), encoder.encode(text));
      if (!sound) throw new Wrong("signature");
      signed ||= key.first <= size && size <= key.last && key.name === origin;
    }
  }
  if (!signed) throw new Wrong("signature");
  return { kind: lines[0], origin, size, hash };
}

/** The checkpoint of a signed note, by one of the keys that sign trees of its size. */
export async function openCheckpoint(note, keys) {
  const { origin, size, hash } = await openNote(note, keys);
  return { origin, size, root: hash, note };
}

/** The parts of a c2sp.org/tlog-proof@v1 with the entry in it. */
export function parseProof(text) {
  const cut = text.indexOf("\n\n");
  const [header, ...lines] = text.slice(0, cut).split("\n");
  if (cut < 0 || header !== "c2sp.org/tlog-proof@v1") throw new Wrong("proof");
  const extra = /^extra (.*)$/.exec(lines.shift() ?? "");
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? "");
  if (!extra || !index || lines.length > 63) throw new Wrong("proof");
  const hashes = lines.map(bytesOf);
  if (hashes.some((hash) => hash.length !== 32)) throw new Wrong("proof");
  return { entry: bytesOf(extra[1]), index: Number(index[1]), hashes, note: text.slice(cut + 2) };
}

/** Checks that a proof leads from a leaf to a root (RFC 9162, 2.1.3.2). */
export async function checkInclusion(index, size, leaf, hashes, root) {
  if (index >= size) throw new Wrong("inclusion");
  let fn = BigInt(index), sn = BigInt(size - 1), hash = leaf;
  for (const other of hashes) {
    if (sn === 0n) throw new Wrong("inclusion");
    if (fn & 1n || fn === sn) {
      hash = await nodeHash(other, hash);
      while (!(fn & 1n) && fn !== 0n) { fn >>= 1n; sn >>= 1n; }
    } else {
      hash = await nodeHash(hash, other);
    }
    fn >>= 1n; sn >>= 1n;
  }
  if (sn !== 0n || !same(hash, root)) throw new Wrong("inclusion");
}

/** Checks that a tree goes on from an earlier one (RFC 9162, 2.1.4.2). */
export async function checkConsistency(old, now, hashes) {
  if (old.size === now.size) {
    if (!same(old.root, now.root) || hashes.length) throw new Wrong("consistency");
    return;
  }
  if (old.size === 0) return;
  if (old.size > now.size || !hashes.length) throw new Wrong("consistency");
  const path = [...hashes];
  let fn = BigInt(old.size - 1), sn = BigInt(now.size - 1);
  while (fn & 1n) { fn >>= 1n; sn >>= 1n; }
  let first = fn === 0n && (old.size & (old.size - 1)) === 0 ? old.root : path.shift();
  let second = first;
  for (const other of path) {
    if (sn === 0n) throw new Wrong("consistency");
    if (fn & 1n || fn === sn) {
      first = await nodeHash(other, first);
      second = await nodeHash(other, second);
      while (!(fn & 1n) && fn !== 0n) { fn >>= 1n; sn >>= 1n; }
    } else {
      second = await nodeHash(second, other);
    }
    fn >>= 1n; sn >>= 1n;
  }
  if (sn !== 0n || !same(first, old.root) || !same(second, now.root)) {
    throw new Wrong("consistency");
  }
}

/** Checks one receipt with keys; gives the leaf hash, the checkpoint and the entry. */
export async function checkReceipt(text, keys, index = null) {
  const proof = parseProof(text);
  if (index !== null && proof.index !== index) throw new Wrong("index");
  const checkpoint = await openCheckpoint(proof.note, keys);
  const leaf = await leafHash(proof.entry);
  await checkInclusion(proof.index, checkpoint.size, leaf, proof.hashes, checkpoint.root);
  return { ...proof, leaf, checkpoint };
}

async function fetched(address) {
  const answer = await fetch(address, { credentials: "same-origin", cache: "no-store" });
  if (!answer.ok) throw new Wrong(`${address}: ${answer.status}`);
  return answer;
}

async function consistencyProof(old, size) {
  if (old === size || old === 0) return [];
  const answer = await fetched(`/v1/consistency?old=${old}&new=${size}`);
  const given = await answer.json();
  return given.proof.map(bytesOf);
}

export const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

function start(section) {
  const origin = section.dataset.origin, index = Number(section.dataset.index);
  const ladder = section.querySelector("#ladder"), verdict = section.querySelector("#verdict");
  const field = section.querySelector("#vkey"), form = section.querySelector("form");
  const words = Object.fromEntries(
    Array.from(section.querySelector("template").content.querySelectorAll("[data-step]"),
      (each) => [each.dataset.step, each.textContent]));
  const pinnedAt = `vkey ${origin}`, keptAt = `checkpoint ${origin}`;
  const pinned = localStorage.getItem(pinnedAt);
  if (pinned) field.value = pinned;
  section.hidden = false;

  const tell = (step, more = "") => {
    const line = document.createElement("li");
    line.dataset.step = step;
    line.textContent = more ? `${words[step]} ${more}` : words[step];
    ladder.append(line);
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    ladder.replaceChildren();
    verdict.className = "";
    verdict.textContent = "";
    try {
      let given = field.value.trim();
      if (given) {
        tell("pinned");
      } else {
        given = (await (await fetched("/log/log.vkey")).text()).trim();
        tell("found", given.split("\n")[0]);
      }
      const keys = await parseKeys(given);
      const text = await (await fetched(`/v1/events/${index}/proof`)).text();
      const found = await checkReceipt(text, keys, index);
      tell("signed", `(${found.checkpoint.size})`);
      tell("leaf", hex(found.leaf));
      tell("included", hex(found.checkpoint.root));
      const latest = await openCheckpoint(await (await fetched("/log/checkpoint")).text(), keys);
      const [small, large] = latest.size < found.checkpoint.size
        ? [latest, found.checkpoint] : [found.checkpoint, latest];
      await checkConsistency(small, large, await consistencyProof(small.size, large.size));
      const kept = localStorage.getItem(keptAt);
      if (kept) {
        const old = await openCheckpoint(kept, keys);
        await checkConsistency(old, large, await consistencyProof(old.size, large.size));
        tell("consistent", `(${old.size} → ${large.size})`);
      } else {
        tell("first_visit");
      }
      if (field.value.trim()) {
        localStorage.setItem(pinnedAt, given);
        localStorage.setItem(keptAt, large.note);
      }
      verdict.textContent = words.rests;
    } catch (error) {
      verdict.className = "wrong";
      const unable = error.name === "NotSupportedError";
      verdict.textContent = unable ? words.no_crypto : `${words.failed} ${error.message}`;
    }
  });
}

const section = globalThis.document?.getElementById("verify");
if (section) start(section);
