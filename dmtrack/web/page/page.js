// One page: choose a video, draw boxes, watch, correct, export. No library, no build, no other server.
"use strict";

const HANDLE = 9;          // pixels of the screen within which a corner is caught
const SMALLEST = 4;        // pixels of the frame: a smaller drag is a click
const WEAK = 0.5;
const LANE = 9;            // pixels of a tracklet in the timeline
const CACHED = 80;         // frames that the page keeps

const $ = (id) => document.getElementById(id);
const picture = $("picture"), timeline = $("timeline");
const state = {
  project: null, rows: new Map(), frame: 0, image: null, shown: -1, selected: null, edit: null, drag: null,
  playing: false, info: null, weak: [], lanes: [], watching: null,
};

// ---- talking to the server ------------------------------------------------------------------------------------------
// Kept for links without it, such as those of reports; a server that is started again has another one.
const token = new URLSearchParams(location.hash.slice(1)).get("token") || localStorage.getItem("dmtrack-token") || "";
localStorage.setItem("dmtrack-token", token);

async function ask(path, method = "GET", body = undefined, signal = undefined, accept = "*/*") {
  const headers = { Authorization: `Bearer ${token}`, Accept: accept };
  if (body !== undefined && !(body instanceof Blob)) headers["Content-Type"] = "application/json";
  const content = body === undefined || body instanceof Blob ? body : JSON.stringify(body);
  const answer = await fetch(`api/${path}`, { method, headers, body: content, signal });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(said.error || `the server answered ${answer.status}`), { status: answer.status });
}
const json = async (...request) => (await ask(...request)).json();
async function change(kind, values = {}) {
  try {
    return await json(ofProject("/changes"), "POST", { change: kind, revision: state.project.revision, ...values });
  } catch (error) {
    if (error.status === 409) await changed(await json(ofProject()));  // what another tab has done is shown
    throw error;
  }
}
const ofProject = (path = "") => `projects/${state.project.id}${path}`;

function say(text, error = false) {
  $("status").textContent = text;
  $("status").classList.toggle("error", error);
}
async function trying(work) {
  try { return await work(); } catch (error) { if (error.name !== "AbortError") say(error.message, true); }
}

// ---- choosing a video -----------------------------------------------------------------------------------------------
async function showChoice() {
  if (state.watching) state.watching.abort();
  Object.assign(state, { project: null, rows: new Map(), image: null, shown: -1, selected: null, edit: null, playing: false });
  cache.clear();
  $("work").hidden = true; $("choose").hidden = false; $("back").hidden = true;
  const [videos, projects, results] = await Promise.all([json("videos"), json("projects"), json("results")]);
  $("stored").hidden = !results.length;
  $("results").replaceChildren(...results.map((one) => item(
    `${one.name}: ${Object.entries(one.overlaps).map(([name, mean]) => `${name} ${mean.toFixed(3)}`).join(", ")}`,
    () => open(one.id))));
  state.videos = videos;
  listVideos();
  $("projects").replaceChildren(...projects.map((one) => item(`${one.name}: ${one.frames} frames`, () => open(one.id))));
  say("Choose a video, or upload one");
}
function listVideos() {
  const wanted = $("filter").value.toLowerCase();
  const found = state.videos.filter((one) => one.name.toLowerCase().includes(wanted));
  $("videos").replaceChildren(...found.map((one) =>
    item(one.kind === "images" ? `${one.name} (folder of images)` : one.kind === "live" ? `${one.name} (live)` : one.name, () => create(one))));
  if (!found.length) $("videos").replaceChildren(words("none"));
}
function words(text) {
  const li = document.createElement("li");
  li.textContent = text;
  return li;
}
function item(text, action) {
  const li = document.createElement("li"), button = document.createElement("button");
  button.textContent = text;
  button.onclick = () => trying(action);
  li.append(button);
  return li;
}
async function create(video) {
  say(`Opening ${video.name}`);
  const made = await json("projects", "POST", { video: video.name, place: video.place });
  await open(made.id);
}
async function upload(file) {
  if (file.size > state.info.most_upload_bytes) throw new Error(`${file.name} is larger than this server takes`);
  const bar = $("upload-progress");
  bar.hidden = false;
  say(`Uploading ${file.name}`);
  const stored = await new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();  // fetch does not tell how far an upload is
    request.open("PUT", `api/uploads/${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = (event) => { bar.value = event.loaded / event.total; };
    request.onload = () => {
      const said = JSON.parse(request.responseText || "{}");
      request.status < 300 ? resolve(said) : reject(new Error(said.error || `the server answered ${request.status}`));
    };
    request.onerror = () => reject(new Error("the upload was cut off; try again"));
    request.send(file);
  }).finally(() => { bar.hidden = true; });
  await create(stored);
}

// ---- a project ------------------------------------------------------------------------------------------------------
async function open(id) {
  const project = await json(`projects/${id}`);
  state.project = project;
  state.selected = project.targets.length ? project.targets[0].number : null;
  $("choose").hidden = true; $("work").hidden = false; $("back").hidden = false;
  $("work").classList.toggle("viewing", project.read_only);
  $("legend").textContent = project.read_only
    ? "Lines: overlap (IoU) of each tracker with the truth, from 0 (below) to 1. Bars below: where it is present."
    : "Lines: score of each target, from 0 (below) to 1. Triangles: boxes that you drew. Bars below: where the target is "
      + "present. Gray dots: the strongest look-alike. Lanes at the bottom: tracklets, in colour while one was the target.";
  location.hash = new URLSearchParams({ project: id });
  showLength();
  await readRows();
  take(project);
  await go(project.targets[0]?.key_frames[0]?.frame ?? 0);
  watch();
  say(project.live ? `${project.name} is live; this frame stands still: draw a box in it, then press Track`
    : project.note || `${project.name}: ${project.frames} frames of ${project.size_wh.join("x")}`);
}
// Frames have arrived from a live source.
function grow(frames) {
  state.project.frames = frames;
  for (const [number, known] of state.rows) {
    if (known.length >= 7 * frames) continue;
    const rows = new Float32Array(14 * frames).fill(NaN);
    rows.set(known);
    state.rows.set(number, rows);
  }
  showLength();
}
function showLength() {
  const last = state.project.frames - 1;
  $("frame").max = last;
  $("of").textContent = `of ${last}`;
  timeline.setAttribute("aria-valuemax", last);
}
async function readRows() {
  const project = state.project;
  for (const target of project.targets) {
    const content = await (await ask(ofProject(`/targets/${target.number}/rows`))).arrayBuffer();
    state.rows.set(target.number, new Float32Array(content));
  }
  for (const number of state.rows.keys())
    if (!project.targets.some((one) => one.number === number)) state.rows.delete(number);
}
const row = (number, frame) => {
  const rows = state.rows.get(number);
  return rows && !Number.isNaN(rows[7 * frame + 4]) ? rows.subarray(7 * frame, 7 * frame + 7) : null;
};
const targetOf = (number) => state.project.targets.find((one) => one.number === number);
const colour = (number) => {  // as in videos and reports; of stored results the first target is the truth
  const { colours, truth_colour } = state.info, place = number - (state.project.read_only ? 2 : 1);
  return place < 0 ? truth_colour : colours[place % colours.length];
};

// What the server says of the project; also what another tab has done to it.
function take(project) {
  Object.assign(state.project, project);
  if (!targetOf(state.selected)) state.selected = project.targets.length ? project.targets[0].number : null;
  $("targets").replaceChildren(...project.targets.map(targetItem));
  $("how").hidden = project.targets.length > 0;
  $("undo").disabled = !project.undo;
  $("config").value = project.config;
  if (project.run) takeRun(project.run);
  else if (project.targets.length) $("run").textContent = "Press Track: the tracker fills the frames without boxes.";
  listWeak();
  listLanes();
  showNumbers();
  draw();
}
function titleOf(target) {
  const keys = target.key_frames.length, boxes = `${keys} box${keys === 1 ? "" : "es"}`;
  return state.project.read_only ? target.name : `${target.name}: ${boxes}, ${target.tracked} of ${state.project.frames} frames`;
}
function targetItem(target) {
  const li = document.createElement("li");
  const swatch = document.createElement("span"), name = document.createElement("button"), remove = document.createElement("button");
  swatch.className = "swatch"; swatch.style.background = colour(target.number);
  name.className = "name";
  name.textContent = titleOf(target);
  name.setAttribute("aria-pressed", target.number === state.selected);
  name.onclick = () => { state.selected = target.number; take(state.project); };
  name.ondblclick = () => trying(async () => {
    const text = prompt("Name of the target", target.name);
    if (text) changed(await change("rename", { target: target.number, name: text }));
  });
  remove.className = "edit";
  remove.textContent = "\u2715";
  remove.setAttribute("aria-label", `Delete ${target.name}`);
  remove.onclick = () => trying(async () => changed(await change("remove_target", { target: target.number })));
  li.append(swatch, name, remove);
  return li;
}
async function changed(project) {
  state.project.targets = project.targets;
  await readRows();
  take(project);
}
function listWeak() {
  trying(async () => {
    const project = state.project;
    if (!project || !project.targets.length) { state.weak = []; $("weak").replaceChildren(); return; }
    state.weak = await json(ofProject(`/weak?threshold=${WEAK}`));
    $("weak").replaceChildren(...state.weak.slice(0, 30).map((one) => item(
      `${targetOf(one.target)?.name ?? one.target}: frames ${one.first} to ${one.last}, ${state.project.read_only ? "overlap" : "score"} ${one.score.toFixed(2)}`,
      () => { state.selected = one.target; return go(Math.round((one.first + one.last) / 2)); })));
    if (!state.weak.length) $("weak").replaceChildren(words("none"));
  });
}

// Tracklets of the selected target and of what looks like it.
function listLanes() {
  trying(async () => {
    const number = state.selected;
    state.lanes = number === null || state.project.read_only ? [] : await json(ofProject(`/targets/${number}/lanes`));
    const others = state.lanes.filter((lane) => lane.stretches.some((one) => !one.target));
    $("seen").hidden = !others.length;
    $("lanes").replaceChildren(...others.map((lane) => {
      const [longest] = lane.stretches.filter((one) => !one.target).sort((a, b) => b.last - b.first - a.last + a.first);
      const name = lane.stretches.some((one) => one.target) ? "once taken for the target"
        : lane.tracklets > 1 ? `${lane.tracklets} others` : "look-alike";
      return item(`${name}: frames ${longest.first} to ${longest.last}, score ${longest.score.toFixed(2)}`, () => go(longest.first));
    }));
    drawTimeline();
  });
}

// ---- frames ---------------------------------------------------------------------------------------------------------
const cache = new Map();
let loading = null;
async function fetchFrame(frame, quick, signal) {
  if (cache.has(frame)) return { frame, bitmap: cache.get(frame) };
  const width = Math.min(Math.round(picture.clientWidth * devicePixelRatio) || 1280, 1920);
  const answer = await ask(ofProject(`/frames/${frame}?width=${width}&quick=${quick}`), "GET", undefined, signal);
  const given = Number(answer.headers.get("X-Frame")), small = answer.headers.has("X-Small");
  const bitmap = await createImageBitmap(await answer.blob());
  if (!small) cache.set(given, bitmap);
  if (cache.size > CACHED) cache.delete(cache.keys().next().value);
  return { frame: given, bitmap, small };
}
async function go(frame) {
  if (!state.project) return;
  frame = Math.max(0, Math.min(state.project.frames - 1, Math.round(frame) || 0));
  if (frame !== state.frame) state.edit = null;
  state.frame = frame;
  $("frame").value = frame;
  timeline.setAttribute("aria-valuenow", frame);
  drawTimeline();
  showNumbers();
  if (loading) loading.abort();
  const mine = loading = new AbortController();
  await trying(async () => {
    // A frame that is far to decode is shown from the video's small copy first, or near by where that is not made yet.
    for (const quick of [!cache.has(frame) && !state.playing, false]) {
      const given = await fetchFrame(frame, quick, mine.signal);
      if (mine.signal.aborted) return;
      state.image = given.bitmap; state.shown = given.frame; picture.dataset.small = Boolean(given.small); draw();
      if (given.frame === frame && !given.small) return;
    }
  });
}
async function play() {
  state.playing = !state.playing;
  $("play").textContent = state.playing ? "\u275A\u275A" : "\u25B6";
  $("play").setAttribute("aria-label", state.playing ? "Stop" : "Play");
  while (state.playing && state.project && state.frame < state.project.frames - 1) {
    const began = performance.now(), step = 1000 / (state.project.fps || 25);
    await go(state.frame + 1);
    const took = performance.now() - began;
    if (took < step) await new Promise((resolve) => setTimeout(resolve, step - took));
    else if (took > 2 * step) state.frame += Math.min(Math.floor(took / step) - 1, 5);
  }
  state.playing = false;
  $("play").textContent = "\u25B6"; $("play").setAttribute("aria-label", "Play");
}

// ---- drawing --------------------------------------------------------------------------------------------------------
function scale() { return picture.width / state.project.size_wh[0]; }
function draw() {
  if (!state.project) return;
  const [width, height] = state.project.size_wh;
  const high = Math.max(240, innerHeight - 260);
  const wide = Math.min(picture.parentElement.clientWidth, high * width / height);
  const ratio = devicePixelRatio || 1;
  picture.style.width = `${wide}px`;
  picture.width = Math.round(wide * ratio); picture.height = Math.round(picture.width * height / width);
  const pen = picture.getContext("2d");
  picture.dataset.frame = state.shown;
  if (state.image) pen.drawImage(state.image, 0, 0, picture.width, picture.height);
  for (const target of state.project.targets) {
    const key = target.key_frames.find((one) => one.frame === state.frame);
    const known = row(target.number, state.frame);
    const selected = target.number === state.selected;
    if (state.edit && selected && !state.edit.isNew) continue;
    if (key) drawBox(pen, key.box_xywh, target, selected, "");
    else if (known) drawBox(pen, known, target, selected, known[5] ? known[4].toFixed(2) : "absent", !known[5]);
  }
  if (state.edit) drawBox(pen, state.edit.box, { number: state.edit.number, name: "" }, true, "", false, true);
  drawTimeline();
}
function drawBox(pen, box, target, selected, text, dashed = false, handles = false) {
  const s = scale(), ratio = devicePixelRatio || 1;
  const [x, y, w, h] = [box[0] * s, box[1] * s, box[2] * s, box[3] * s];
  pen.lineWidth = (selected ? 3 : 2) * ratio;
  pen.strokeStyle = colour(target.number);
  pen.setLineDash(dashed ? [6 * ratio, 5 * ratio] : []);
  pen.strokeRect(x, y, w, h);
  pen.setLineDash([]);
  if (handles || (selected && !dashed)) {
    pen.fillStyle = colour(target.number);
    for (const [cx, cy] of [[x, y], [x + w, y], [x, y + h], [x + w, y + h]])
      pen.fillRect(cx - 4 * ratio, cy - 4 * ratio, 8 * ratio, 8 * ratio);
  }
  const label = `${target.name} ${text}`.trim();
  if (!label) return;
  pen.font = `${13 * ratio}px system-ui, sans-serif`;
  // Of stored results the boxes often coincide: their names stand below each other.
  const high = 18 * ratio, beside = state.project.read_only ? state.project.targets.indexOf(target) : -1;
  const top = beside >= 0 ? Math.min(y + h, picture.height - high * state.project.targets.length) + beside * high
    : y > high ? y - high : y;
  pen.fillStyle = colour(target.number);
  pen.fillRect(x, top, pen.measureText(label).width + 8 * ratio, high);
  pen.fillStyle = "#000"; pen.fillText(label, x + 4 * ratio, top + 13 * ratio);
}
function drawTimeline() {
  if (!state.project) return;
  const ratio = devicePixelRatio || 1, count = Math.max(state.project.frames - 1, 1);
  timeline.style.height = state.lanes.length ? `calc(var(--timeline) + ${LANE * state.lanes.length + 4}px)` : "";
  timeline.width = timeline.clientWidth * ratio; timeline.height = timeline.clientHeight * ratio;
  const pen = timeline.getContext("2d"), width = timeline.width, full = timeline.height;
  const height = full - (state.lanes.length ? (LANE * state.lanes.length + 4) * ratio : 0);
  const style = getComputedStyle(document.documentElement);
  const bars = Math.min(state.project.targets.length, 6) * 5 * ratio;
  const plot = height - bars - 14 * ratio;
  const px = (frame) => frame / count * (width - 8 * ratio) + 4 * ratio;
  pen.strokeStyle = style.getPropertyValue("--line"); pen.lineWidth = ratio;
  for (const level of [0, 0.5, 1]) {
    const y = 10 * ratio + plot * (1 - level);
    pen.beginPath(); pen.moveTo(0, y); pen.lineTo(width, y); pen.stroke();
  }
  state.project.targets.forEach((target, place) => {
    const rows = state.rows.get(target.number);
    if (!rows) return;
    const columns = Math.min(width, state.project.frames);
    pen.strokeStyle = pen.fillStyle = colour(target.number);
    pen.lineWidth = (target.number === state.selected ? 2 : 1) * ratio;
    pen.beginPath();
    let drawing = false;
    for (let column = 0; column < columns; column++) {
      const from = Math.floor(column * state.project.frames / columns);
      const until = Math.max(from + 1, Math.floor((column + 1) * state.project.frames / columns));
      let low = Infinity, present = false, alike = -1;
      for (let frame = from; frame < until; frame++) {
        const score = rows[7 * frame + 4];
        if (Number.isNaN(score)) continue;
        low = Math.min(low, score); present = present || rows[7 * frame + 5] > 0;
        if (rows[7 * frame + 6] > alike) alike = rows[7 * frame + 6];
      }
      if (low === Infinity) { drawing = false; continue; }
      const x = px(from), y = 10 * ratio + plot * (1 - Math.min(low, 1));
      drawing ? pen.lineTo(x, y) : pen.moveTo(x, y);
      drawing = true;
      if (present && place < 6) pen.fillRect(x, height - bars + place * 5 * ratio, Math.max(width / columns, 1), 3.5 * ratio);
      if (alike > 0 && target.number === state.selected) {
        pen.save(); pen.fillStyle = style.getPropertyValue("--soft"); pen.globalAlpha = 0.6;
        pen.fillRect(x, 10 * ratio + plot * (1 - Math.min(alike, 1)), 1.5 * ratio, 1.5 * ratio); pen.restore();
      }
    }
    pen.stroke();
    for (const key of target.key_frames) {
      const x = px(key.frame);
      pen.beginPath(); pen.moveTo(x, 9 * ratio); pen.lineTo(x - 4 * ratio, 0); pen.lineTo(x + 4 * ratio, 0); pen.fill();
    }
  });
  state.lanes.forEach((lane, place) => {
    for (const one of lane.stretches) {
      pen.fillStyle = one.target ? colour(state.selected) : style.getPropertyValue("--soft");
      pen.globalAlpha = one.target ? 1 : 0.25 + 0.75 * Math.min(one.score, 1);
      pen.fillRect(px(one.first), height + (LANE * place + 3) * ratio, Math.max(px(one.last) - px(one.first), 2 * ratio), (LANE - 3) * ratio);
    }
  });
  pen.globalAlpha = 1;
  pen.fillStyle = style.getPropertyValue("--ink");
  pen.fillRect(px(state.frame) - ratio / 2, 0, Math.max(ratio, 1), full);
}

// ---- boxes by hand --------------------------------------------------------------------------------------------------
const boxHere = (number) => {
  const key = targetOf(number)?.key_frames.find((one) => one.frame === state.frame);
  const known = key ? key.box_xywh : row(number, state.frame);
  return known ? Array.from(known).slice(0, 4) : null;
};
function place(event) {
  const area = picture.getBoundingClientRect(), [width, height] = state.project.size_wh;
  return [(event.clientX - area.left) / area.width * width, (event.clientY - area.top) / area.height * height];
}
function cornerAt(box, x, y) {
  const near = HANDLE * state.project.size_wh[0] / picture.getBoundingClientRect().width;
  const corners = [[0, 0], [1, 0], [0, 1], [1, 1]];
  return corners.find(([right, low]) => Math.hypot(box[0] + right * box[2] - x, box[1] + low * box[3] - y) < near);
}
const inside = (box, x, y) => x > box[0] && y > box[1] && x < box[0] + box[2] && y < box[1] + box[3];
function clipped([x, y, w, h]) {
  const [width, height] = state.project.size_wh;
  const left = Math.max(0, Math.min(x, width - 1)), top = Math.max(0, Math.min(y, height - 1));
  return [left, top, Math.max(1, Math.min(x + w, width) - left), Math.max(1, Math.min(y + h, height) - top)];
}
picture.addEventListener("pointerdown", (event) => {
  if (!state.project || event.button || state.project.read_only) return;
  if (state.shown !== state.frame) { say("One moment: this frame is still being decoded"); return; }
  picture.setPointerCapture(event.pointerId);
  const [x, y] = place(event);
  const boxes = state.project.targets.map((one) => [one.number, boxHere(one.number)]).filter(([, box]) => box);
  boxes.sort(([first], [second]) => (second === state.selected) - (first === state.selected));
  for (const [number, box] of boxes) {
    const corner = cornerAt(box, x, y);
    if (corner || (inside(box, x, y) && !event.shiftKey)) {
      state.selected = number;
      state.edit = { number, box, isNew: false, revision: state.project.revision };
      state.drag = { x, y, box, corner };
      draw();
      return;
    }
  }
  const number = Math.max(0, ...state.project.targets.map((one) => one.number)) + 1;
  // A selected target that has no box in this frame gets this one; otherwise it is a new target.
  const lacking = state.selected !== null && !boxHere(state.selected);
  state.edit = { number: lacking ? state.selected : number, box: [x, y, 0, 0], isNew: !lacking, revision: state.project.revision };
  state.drag = { x, y, box: [x, y, 0, 0], corner: [1, 1], drawn: true };
});
picture.addEventListener("pointermove", (event) => {
  if (!state.drag) return;
  const [x, y] = place(event), { box, corner } = state.drag;
  const dx = x - state.drag.x, dy = y - state.drag.y;
  if (!corner) state.edit.box = [box[0] + dx, box[1] + dy, box[2], box[3]];
  else {
    const fixed = [box[0] + (1 - corner[0]) * box[2], box[1] + (1 - corner[1]) * box[3]];
    const moved = [box[0] + corner[0] * box[2] + dx, box[1] + corner[1] * box[3] + dy];
    state.edit.box = [Math.min(fixed[0], moved[0]), Math.min(fixed[1], moved[1]),
      Math.abs(fixed[0] - moved[0]), Math.abs(fixed[1] - moved[1])];
  }
  state.drag.moved = Math.max(state.drag.moved || 0, Math.abs(dx), Math.abs(dy));
  draw();
});
picture.addEventListener("pointerup", () => {
  if (!state.drag) return;
  const { moved = 0 } = state.drag, edit = state.edit;
  state.drag = null;
  if (moved < SMALLEST || edit.box[2] < SMALLEST || edit.box[3] < SMALLEST) { state.edit = null; take(state.project); return; }
  keep();
});
picture.addEventListener("pointercancel", () => { state.drag = state.edit = null; draw(); });

// Puts the box that is edited into the project.
const keep = () => trying(async () => {
  const edit = state.edit;
  if (!edit) return;
  const box = clipped(edit.box);
  state.edit = null;
  try {
    if (edit.isNew) {
      const made = await change("add_target", { frame: state.frame, box_xywh: box });
      state.selected = made.targets[made.targets.length - 1].number;
      await changed(made);
      say("Press Track, or T: the tracker follows it through the video");
    } else {
      await changed(await change("set_box", { target: edit.number, frame: state.frame, box_xywh: box, revision: edit.revision }));
      say("Corrected; press Track, or T, to track again from here");
    }
  } catch (error) {
    take(state.project);  // another tab may have deleted the target meanwhile
    throw error;
  }
});
function begin(isNew) {
  const [width, height] = state.project.size_wh;
  const known = isNew || state.selected === null ? null : boxHere(state.selected);
  const number = isNew || state.selected === null
    ? Math.max(0, ...state.project.targets.map((one) => one.number)) + 1 : state.selected;
  state.edit = { number, isNew: isNew || state.selected === null, revision: state.project.revision,
    box: known || [0.4 * width, 0.4 * height, 0.2 * width, 0.2 * height] };
  picture.focus();
  say("Arrows move the box, Shift and arrows resize it, Enter keeps it, Escape drops it");
  draw();
}
function nudge(key, large) {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  const step = Math.max(1, Math.round(state.project.size_wh[0] / 320)), [x, y, w, h] = state.edit.box;
  state.edit.box = large ? [x, y, Math.max(1, w + dx * step), Math.max(1, h + dy * step)] : [x + dx * step, y + dy * step, w, h];
  draw();
}
function showNumbers() {
  const box = state.project && state.selected !== null ? boxHere(state.selected) : null;
  $("numbers").hidden = !state.project || state.selected === null;
  if (box) ["x", "y", "w", "h"].forEach((name, place) => { $("numbers").elements[name].value = Math.round(box[place] * 100) / 100; });
}
$("numbers").addEventListener("submit", (event) => {
  event.preventDefault();
  const box = ["x", "y", "w", "h"].map((name) => Number($("numbers").elements[name].value));
  state.edit = { number: state.selected, box, isNew: false, revision: state.project.revision };
  keep();
});

// ---- tracking -------------------------------------------------------------------------------------------------------
function takeRun(run) {
  state.project.run = run;
  const active = ["waiting", "tracking", "paused"].includes(run.state);
  const going = run.state === "tracking" || run.state === "waiting";
  $("track").textContent = going ? (run.dropped === null ? "Pause" : "Stop") : run.state === "paused" ? "Go on" : "Track";
  $("cancel").disabled = !active;
  if (run.total || !going) $("progress").value = run.total ? run.done / run.total : Number(run.state === "done");
  else $("progress").removeAttribute("value");  // a live source has no end
  const left = run.seconds_left === null ? "" : `, ${run.seconds_left < 90 ? Math.ceil(run.seconds_left) + " s" : Math.ceil(run.seconds_left / 60) + " min"} to go`;
  const words = { waiting: "The model is loading", tracking: "Tracking", paused: "Paused", done: "Done", cancelled: "Cancelled", failed: "Failed" };
  const frames = run.dropped === null ? `${run.done} of ${run.total} frames` : `${run.done} frames as they arrived, ${run.dropped} late ones dropped`;
  $("run").textContent = `${words[run.state]}: ${frames}, ${run.frames_per_second.toFixed(1)} per second${left}; `
    + `latency p50 ${run.latency_p50_ms} ms, p95 ${run.latency_p95_ms} ms`;
  if (run.error) say(run.error, true);
}
const track = () => trying(async () => {
  const active = state.project.run && ["waiting", "tracking"].includes(state.project.run.state);
  const stop = state.project.live ? "cancelled" : "paused";
  take(await json(ofProject("/tracking"), "POST", { state: active ? stop : "tracking", backwards: $("backwards").checked }));
});

// Reads what the server sends while the page is open; a broken connection is taken up again.
async function watch() {
  if (state.watching) state.watching.abort();
  const mine = state.watching = new AbortController(), id = state.project.id;
  while (!mine.signal.aborted) {
    try {
      const answer = await ask(`projects/${id}/events`, "GET", undefined, mine.signal, "text/event-stream");  // or proxies wait for its end
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const parts = (text + value).split("\n\n");
        text = parts.pop();
        for (const part of parts) await receive(JSON.parse(part.slice(6)), id);
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      say("The server does not answer; what you drew is kept there. Trying again", true);
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
  }
}
async function receive(message, id) {
  if (!state.project || state.project.id !== id) return;
  const before = state.project.revision, wasLive = state.project.live;
  if (message.frames) grow(message.frames);
  if (message.project) {
    state.project.targets = message.project.targets;
    state.project.revision = message.project.revision;
  }
  if (message.reload || (message.project && message.project.revision !== before)) await readRows();
  for (const [number, frame, ...values] of message.rows || []) {
    const rows = state.rows.get(number), target = targetOf(number);
    if (!rows) continue;
    if (target && Number.isNaN(rows[7 * frame + 4])) target.tracked += 1;
    rows.set(values.map((value) => value === null ? NaN : value), 7 * frame);
  }
  document.querySelectorAll("#targets button.name").forEach((name, place) => {
    const target = state.project.targets[place];
    if (target) name.textContent = titleOf(target);
  });
  if (message.run) {
    const last = message.rows && message.rows[message.rows.length - 1];
    if (last && $("follow").checked && !state.edit && !state.playing) await go(last[1]);
    takeRun(message.run);  // says "Done" when the page moves no more
  }
  if (message.project && !state.edit) take(message.project);
  else draw();
  if (wasLive && message.project && !message.project.live) say(message.project.note || "What was tracked is recorded: scrub, correct, track again, export");
}

// ---- controls -------------------------------------------------------------------------------------------------------
function seek(event) {
  const area = timeline.getBoundingClientRect();
  go((event.clientX - area.left - 4) / (area.width - 8) * (state.project.frames - 1));
}
timeline.addEventListener("pointerdown", (event) => { timeline.setPointerCapture(event.pointerId); timeline.dragging = true; seek(event); });
timeline.addEventListener("pointermove", (event) => { if (timeline.dragging) seek(event); });
timeline.addEventListener("pointerup", () => { timeline.dragging = false; });
$("start").onclick = () => go(0);
$("previous").onclick = () => go(state.frame - 1);
$("next").onclick = () => go(state.frame + 1);
$("play").onclick = play;
$("frame").onchange = () => go(Number($("frame").value));
$("add").onclick = () => begin(true);
const undo = $("undo").onclick = () => trying(async () => { state.edit = null; changed(await change("undo")); });
$("track").onclick = track;
$("cancel").onclick = () => trying(async () => take(await json(ofProject("/tracking"), "POST", { state: "cancelled" })));
$("config").onchange = () => trying(async () => take(await change("use_tracker", { config: $("config").value })));
$("back").onclick = () => trying(showChoice);
$("filter").oninput = listVideos;
$("upload").onchange = () => trying(async () => { const [file] = $("upload").files; if (file) await upload(file); });
$("import").onchange = () => trying(async () => {
  const [file] = $("import").files;
  if (!file) return;
  const before = state.project.targets.length;
  await changed(await json(ofProject(`/import/${encodeURIComponent(file.name)}`), "PUT", file));
  $("import").value = "";
  say(`${state.project.targets.length - before} targets from ${file.name}`);
});
$("export").onclick = () => trying(async () => {
  const kind = $("format").value;
  say("Writing the file");
  $("export").disabled = true;
  try {
    const answer = await ask(ofProject(`/export/${kind}`));
    const name = /filename="?([^";]+)/.exec(answer.headers.get("Content-Disposition") || "")?.[1] || `boxes-${kind}`;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(`${name} is in your downloads`);
  } finally { $("export").disabled = false; }
});
function jumpKey(direction) {
  const keys = state.project.targets.flatMap((one) => one.key_frames.map((key) => key.frame)).sort((a, b) => a - b);
  const found = direction > 0 ? keys.find((one) => one > state.frame) : keys.filter((one) => one < state.frame).pop();
  if (found !== undefined) go(found);
}
function jumpWeak() {
  const middles = state.weak.map((one) => Math.round((one.first + one.last) / 2)).sort((a, b) => a - b);
  const found = middles.find((one) => one > state.frame) ?? middles[0];
  if (found !== undefined) go(found);
}
addEventListener("keydown", (event) => {
  if (!state.project || event.ctrlKey || event.metaKey || event.altKey) return;
  if (["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName)) return;
  const key = event.key, arrow = key.startsWith("Arrow");
  if (event.target.tagName === "BUTTON" && [" ", "Enter"].includes(key)) return;
  if (state.edit && arrow) nudge(key, event.shiftKey);
  else if (state.edit && key === "Enter") keep();
  else if (state.edit && key === "Escape") { state.edit = null; take(state.project); }
  else if (key === " ") play();
  else if (key === "ArrowLeft") go(state.frame - (event.shiftKey ? 10 : 1));
  else if (key === "ArrowRight") go(state.frame + (event.shiftKey ? 10 : 1));
  else if (key === "Home") go(0);
  else if (key === "End") go(state.project.frames - 1);
  else if (key === "[") jumpKey(-1);
  else if (key === "]") jumpKey(1);
  else if (key === "w") jumpWeak();
  else if (/^[1-9]$/.test(key) && state.project.targets[key - 1]) { state.selected = state.project.targets[key - 1].number; take(state.project); }
  else if (state.project.read_only) return;
  else if (key === "n") begin(true);
  else if (key === "e") begin(false);
  else if (key === "t") track();
  else if (key === "z") undo();
  else if (key === "Delete" && state.selected !== null)
    trying(async () => changed(await change("remove_box", { target: state.selected, frame: state.frame })));
  else return;
  event.preventDefault();
});
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

trying(async () => {
  const asked = new URLSearchParams(location.hash.slice(1));
  state.info = await json("info");
  $("config").replaceChildren(...state.info.configs.map((name) => new Option(name)));
  $("format").replaceChildren(...Object.entries(state.info.formats).map(([name, title]) => new Option(title, name)));
  $("limits").textContent = `At most ${(state.info.most_upload_bytes / 2 ** 30).toFixed(1)} GiB; it stays on this server.`;
  const sequence = asked.get("sequence");  // of a report
  const shown = sequence && (await json("results")).find((one) => one.name === sequence);
  const wanted = asked.get("project") || shown?.id;
  await (wanted ? open(wanted) : showChoice());
  if (sequence && !shown) say(`This server shows no results on ${sequence}; start it with the command of the report`, true);
});
