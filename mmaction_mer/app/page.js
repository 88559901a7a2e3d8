// The player: one clock for all films and cursors, which keeps them in step.
(() => {
  const all = (selector) => document.querySelectorAll(selector);
  const one = (selector) => document.querySelector(selector);
  const HOLD = 0.12; // of a round, on the last frame
  let playing = !matchMedia('(prefers-reduced-motion: reduce)').matches;
  let clock = 0; // 0..1 through the film
  let before = performance.now();

  function show() {
    const player = one('.mer-player');
    if (!player) return;
    const frames = Math.max(2, Number(player.dataset.frames));
    const number = Math.round(Math.min(1, clock) * (frames - 1));
    const share = number / (frames - 1);
    all('.mer-strip').forEach((strip) => {
      strip.style.backgroundPosition = `0 ${(100 * share).toFixed(4)}%`;
    });
    all('.mer-cursor').forEach((line) => {
      line.setAttribute('transform', `translate(${share * line.dataset.width} 0)`);
    });
    const seek = one('.mer-seek');
    if (seek !== document.activeElement || playing) seek.value = number;
    const second = Number(player.dataset.start) + share * Number(player.dataset.seconds);
    one('.mer-time').textContent = `${second.toFixed(3)} s`;
    one('.mer-play').textContent = playing ? '❚❚' : '►';
  }

  function tick(now) {
    const player = one('.mer-player');
    if (player && playing) {
      const slow = Number(one('.mer-speed').value);
      const round = Math.max(0.1, Number(player.dataset.seconds) * slow);
      clock += Math.min(0.2, (now - before) / 1000) / round;
      if (clock > 1 + HOLD) clock = 0;
    }
    before = now;
    show();
    requestAnimationFrame(tick);
  }

  document.addEventListener('click', (event) => {
    if (event.target.closest('.mer-play')) playing = !playing;
  });
  document.addEventListener('input', (event) => {
    if (!event.target.matches('.mer-seek')) return;
    playing = false;
    clock = event.target.value / Math.max(1, event.target.max);
  });
  requestAnimationFrame(tick);

  // During prediction the old results are dimmed: they are of another clip.
  window.merBusy = (busy) => document.body.classList.toggle('mer-busy', busy);
})();
