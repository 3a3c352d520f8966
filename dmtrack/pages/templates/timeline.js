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
    (margin === null ? ', nothing else in sight' : `, ${margin} ${timeline.unit} ahead of the runner-up`));
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
const asked = location.hash.match(/^#(?:frame)?(\d+)$/);
const first = timeline.wrong[0] || timeline.events[0] || [0];
show(asked ? +asked[1] : first[0]);
