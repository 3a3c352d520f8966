"""Style and script of the timeline page."""

from __future__ import annotations

EXTRA_STYLE = """\
main { max-width: 1280px; padding-top: 1.5rem; }
.timeline { position: relative; min-width: 760px; cursor: crosshair; }
.timeline img { display: block; width: 100%; height: auto; background: #fff; border-radius: 8px; }
#cursor { position: absolute; top: 0; bottom: 0; width: 0; border-left: 2px solid #000; pointer-events: none; }
.reading { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; margin: 0 0 .8rem; }
.reading input[type=number] { width: 6.5em; font: inherit; font-weight: 700; }
.reading input[type=range] { flex: 1; min-width: 12rem; }
.reading output { flex-basis: 100%; min-height: 3.2em; }
.event { display: grid; grid-template-columns: 1fr 1fr; gap: .3rem .75rem; margin: 0 0 1.2rem; }
.event p { grid-column: 1 / -1; margin: 0; }
.event img { display: block; width: 100%; border-radius: 8px; }
.event figure { margin: 0; }
.event.wrong { border-left: 4px solid #b3001b; padding-left: .8rem; }
.bad { color: #c8102e; }
.good { color: #0a7a4b; }
@media (prefers-color-scheme: dark) { .bad { color: #ff7081; } .good { color: #4cc38a; } }
"""

SCRIPT = """\
const [number, slider, says, cursor] = ['frame', 'slider', 'says', 'cursor'].map(id => document.getElementById(id));
const plot = document.querySelector('.timeline'), last = timeline.scores.length - 1;
function show(frame) {
  frame = Math.max(0, Math.min(last, Math.round(frame) || 0));
  number.value = slider.value = frame;
  const [left, right] = timeline.span;
  cursor.style.left = 100 * (left + (right - left) * (frame + 0.5) / (last + 1)) + '%';
  const margin = timeline.margins[frame], parts = [];
  const target = timeline.targets[frame], answer = timeline.answers[frame];
  if (target !== answer) parts.push(`the target's tracklet ${target} is out of sight, the guess is`);
  parts.push(`tracklet ${answer}, score ${timeline.scores[frame].toFixed(2)}, ` +
    (timeline.present[frame] ? 'said present' : 'said absent') +
    (margin === null ? ', nothing else in sight' : `, ${margin} nats ahead of the runner-up`));
  if (timeline.iou) {
    const iou = timeline.iou[frame];
    parts.push(iou === null ? 'the target is absent' : `IoU ${iou.toFixed(2)}` + (iou < 0.5 ? ' (wrong)' : ''));
  }
  let text = `Frame ${frame}: ${parts.join('; ').replace('guess is; ', 'guess is ')}.`;
  const stretch = timeline.wrong.find(([first, end]) => first <= frame && frame <= end);
  if (stretch) text += ` Lost since frame ${stretch[0]}: ${stretch[2]}.`;
  const change = timeline.events.filter(([at]) => at <= frame).pop();
  if (change && !(stretch && stretch[0] === change[0])) text += ` Last change, frame ${change[0]}: ${change[1]}.`;
  says.textContent = text;
}
function point(event) {
  const box = plot.getBoundingClientRect(), [left, right] = timeline.span;
  show(((event.clientX - box.left) / box.width - left) / (right - left) * (last + 1) - 0.5);
}
plot.addEventListener('click', point);
plot.addEventListener('pointermove', event => { if (event.buttons) point(event); });
for (const input of [number, slider])
  input.addEventListener('input', () => { if (input.value !== '') show(+input.value); });
document.querySelector('.reading').addEventListener('submit', event => event.preventDefault());
const asked = location.hash.match(/^#(?:frame)?(\\d+)$/);
const first = timeline.wrong[0] || timeline.events[0] || [0];
show(asked ? +asked[1] : first[0]);
"""
