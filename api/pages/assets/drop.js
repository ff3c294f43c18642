// Checks files that were put on the page: a receipt, or an evidence pack. Nothing is sent anywhere.
//
// Of a pack (docs/reference/formats.md):
//   (1) the log signed the list of its files, and each file has the SHA-256 that is listed
//   (2) no file is missing, and none is there that is not listed
//   (3) the log signed the checkpoint, for the tree that the list names
//   (4) the proof of each event leads from the bytes of its entry to the root of that tree
//
// That nothing was left out, and that registers follow from the events, takes `verantwoord verify`.

import {
  Wrong, bytesOf, checkInclusion, checkReceipt, hex, leafHash, openCheckpoint, openNote, parseKeys,
  same, sha256,
} from "./verify.js";

const LARGEST = 512 * 1024 * 1024; // bytes, of a file and of what is in it
const PACK = "verantwoord.evidence-pack/v1";
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._+-]*(\/[A-Za-z0-9_-][A-Za-z0-9._+-]*)*$/;
const LINE = /^\{"index":(0|[1-9]\d{0,15}),"inclusion":\[([^\]]*)\],"entry":(\{.*\})\}$/;

const encoder = new TextEncoder();
const textOf = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

/** What a ZIP says is in it: name, place and sizes, from its central directory (APPNOTE 4.3.12). */
export function listed(zip) {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const end = zip.length - 22;
  if (end < 0 || view.getUint32(end, true) !== 0x06054b50) throw new Wrong("zip");
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true), total = 0;
  if (count === 0xffff || at === 0xffffffff) throw new Wrong("too large: verantwoord verify");
  const files = new Map();
  for (let number = 0; number < count; number++) {
    if (at + 46 > end || view.getUint32(at, true) !== 0x02014b50) throw new Wrong("zip");
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [packed, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
    const [named, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    const place = view.getUint32(at + 42, true);
    const name = textOf(zip.subarray(at + 46, at + 46 + named));
    if (!NAME.test(name) || files.has(name) || flags & 1 || ![0, 8].includes(method)) {
      throw new Wrong("zip");
    }
    total += size;
    if (total > LARGEST) throw new Wrong("too large: verantwoord verify");
    files.set(name, { method, packed, size, place });
    at += 46 + named + extra + comment;
  }
  return files;
}

/** The bytes of one file of a ZIP; no more than were announced. */
export async function unpacked(zip, file) {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  if (file.place + 30 > zip.length || view.getUint32(file.place, true) !== 0x04034b50) {
    throw new Wrong("zip");
  }
  const names = view.getUint16(file.place + 26, true) + view.getUint16(file.place + 28, true);
  const begin = file.place + 30 + names;
  const packed = zip.subarray(begin, begin + file.packed);
  if (file.method === 0) return packed;
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const found = new Uint8Array(file.size);
  let length = 0;
  for (const reader = stream.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (length + value.length > file.size) { await reader.cancel(); throw new Wrong("zip"); }
    found.set(value, length);
    length += value.length;
  }
  if (length !== file.size) throw new Wrong("zip");
  return found;
}

/** Checks a pack; tells how many files and events were, and what it rests on. */
export async function checkPack(zip, keys) {
  const files = listed(zip);
  const read = async (name) => {
    if (!files.has(name)) throw new Wrong(`${name}: missing`);
    return unpacked(zip, files.get(name));
  };
  const manifest = await read("manifest.json");
  const said = await openNote(textOf(await read("manifest.note")), keys, 1);
  if (said.kind !== PACK || !same(said.hash, await sha256(manifest))) throw new Wrong("manifest");
  const list = JSON.parse(textOf(manifest));
  const expected = new Set(["manifest.json", "manifest.note"]);
  const checkpoint = await openCheckpoint(textOf(await read("checkpoint")), keys);
  if (checkpoint.size !== said.size || hex(checkpoint.root) !== list.root) {
    throw new Wrong("checkpoint");
  }
  let events = 0;
  for (const { name, sha256: digest } of list.files) {
    expected.add(name);
    const bytes = await read(name);
    if (hex(await sha256(bytes)) !== digest) throw new Wrong(name);
    if (name.endsWith("/events.jsonl")) events += await checkEvents(bytes, checkpoint, name);
  }
  for (const name of files.keys()) if (!expected.has(name)) throw new Wrong(`${name}: not listed`);
  return { files: list.files.length, events, checkpoint };
}

async function checkEvents(bytes, checkpoint, name) {
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    const end = bytes.indexOf(10, at);
    const line = end < 0 ? null : LINE.exec(textOf(bytes.subarray(at, end)));
    if (!line) throw new Wrong(`${name}: ${count + 1}`);
    const hashes = line[2] ? line[2].split(",").map((each) => bytesOf(each.slice(1, -1))) : [];
    const leaf = await leafHash(encoder.encode(line[3]));
    try {
      await checkInclusion(Number(line[1]), checkpoint.size, leaf, hashes, checkpoint.root);
    } catch (error) {
      throw new Wrong(`${name}: ${line[1]}: ${error.message}`);
    }
    at = end + 1;
  }
  return count;
}

const treeOf = ({ origin, size, root }) => `${origin}, ${size}, ${hex(root)}`;

function start(section) {
  const origin = section.dataset.origin;
  const [field, chosen] = [section.querySelector("#vkey"), section.querySelector("#file")];
  const [ladder, verdict] = [section.querySelector("#ladder"), section.querySelector("#verdict")];
  const words = Object.fromEntries(
    Array.from(section.querySelector("template").content.querySelectorAll("[data-step]"),
      (each) => [each.dataset.step, each.textContent]));
  field.value = localStorage.getItem(`vkey ${origin}`) ?? "";
  section.hidden = false;

  const tell = (step, more) => {
    const line = document.createElement("li");
    line.dataset.step = step;
    line.textContent = `${words[step]} ${more}`;
    ladder.append(line);
  };

  const check = async (file) => {
    ladder.replaceChildren();
    verdict.className = "";
    verdict.textContent = words.working;
    try {
      if (file.size > LARGEST) throw new Wrong("too large: verantwoord verify");
      const keys = await parseKeys(field.value);
      const bytes = new Uint8Array(await file.arrayBuffer());
      if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
        const found = await checkPack(bytes, keys);
        tell("files", `(${found.files})`);
        tell("events", `(${found.events})`);
        tell("tree", treeOf(found.checkpoint));
        verdict.textContent = words.pack_rests;
      } else {
        const found = await checkReceipt(textOf(bytes), keys);
        tell("entry", `${found.index}, ${hex(found.leaf)}`);
        tell("tree", treeOf(found.checkpoint));
        verdict.textContent = words.rests;
      }
    } catch (error) {
      verdict.className = "wrong";
      const unable = error.name === "NotSupportedError";
      verdict.textContent = unable ? words.no_crypto : `${words.failed} ${error.message}`;
    }
  };

  chosen.addEventListener("change", () => { if (chosen.files[0]) check(chosen.files[0]); });
  section.addEventListener("dragover", (event) => { event.preventDefault(); });
  section.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) check(event.dataTransfer.files[0]);
  });
}

const section = globalThis.document?.getElementById("drop");
if (section) start(section);
