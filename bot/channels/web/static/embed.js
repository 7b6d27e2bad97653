// Offers the chat on another site: a floating button that opens it in a frame.
//
//   <script src="https://natiq.example/chat/embed.js" data-language="ar" async></script>
//
// The frame comes from where this script comes from. The site must be named in the setting
// NATIQ_FRAME_ANCESTORS, or its visitors' browsers refuse to show the frame.

(() => {
  'use strict';

  const labels = __LABELS__;
  const script = document.currentScript;
  const asked = script.dataset.language || document.documentElement.lang || 'ar';
  const language = asked.toLowerCase().startsWith('en') ? 'en' : 'ar';
  const page = new URL('../chat', script.src);
  page.searchParams.set('embed', '1');
  page.searchParams.set('language', language);

  const style = `
    :host { all: initial; }
    .corner {
      position: fixed; inset-block-end: calc(16px + env(safe-area-inset-bottom));
      inset-inline-end: 16px; z-index: 2147483000;
      display: flex; flex-direction: column; align-items: flex-end; gap: 12px;
    }
    button {
      inline-size: 60px; block-size: 60px; border: 0; border-radius: 50%; padding: 0;
      background: #0b5f4d; color: #fff; cursor: pointer; display: grid; place-items: center;
      box-shadow: 0 4px 16px rgb(0 0 0 / 30%);
    }
    button:hover { background: #084c3d; }
    button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #0b5f4d; }
    svg { inline-size: 30px; block-size: 30px; fill: currentColor; }
    iframe {
      border: 0; border-radius: 16px; background: Canvas;
      inline-size: min(400px, calc(100vw - 32px));
      block-size: min(640px, calc(100vh - 124px));
      box-shadow: 0 8px 40px rgb(0 0 0 / 35%);
    }
    [hidden] { display: none; }
  `;
  const bubble = 'M12 3C6.5 3 2 6.8 2 11.5c0 2.7 1.5 5.1 3.9 6.7L5.3 22l4.3-2.3c.8.2 1.6.3 2.4.3 5.5 0 10-3.8 10-8.5S17.5 3 12 3z';
  const cross = 'M6.4 5 5 6.4 10.6 12 5 17.6 6.4 19l5.6-5.6 5.6 5.6 1.4-1.4L13.4 12 19 6.4 17.6 5 12 10.6z';

  function drawing(path) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('aria-hidden', 'true');
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    line.setAttribute('d', path);
    svg.append(line);
    return svg;
  }

  function start() {
    const host = document.createElement('div');
    host.lang = language;
    host.dir = language === 'ar' ? 'rtl' : 'ltr';
    const root = host.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];

    const corner = document.createElement('div');
    corner.className = 'corner';
    const button = document.createElement('button');
    button.type = 'button';
    corner.append(button);
    root.append(corner);
    document.body.append(host);

    let frame = null;

    function show(open) {
      if (open && !frame) {
        frame = document.createElement('iframe');
        frame.src = page.href;
        frame.title = labels.frame[language];
        corner.prepend(frame);
      }
      if (frame) frame.hidden = !open;
      const label = labels[open ? 'close' : 'open'][language];
      button.setAttribute('aria-label', label);
      button.title = label;
      button.setAttribute('aria-expanded', String(open));
      button.replaceChildren(drawing(open ? cross : bubble));
      if (open) frame.focus();
    }

    const isOpen = () => frame !== null && !frame.hidden;
    button.addEventListener('click', () => show(!isOpen()));

    function close() {
      if (!isOpen()) return;
      show(false);
      button.focus();
    }

    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') close();
    });
    addEventListener('message', (event) => {
      const ours = frame && event.source === frame.contentWindow && event.origin === page.origin;
      if (ours && event.data === 'natiq:close') close();
    });
    show(false);
  }

  if (document.body) start();
  else document.addEventListener('DOMContentLoaded', start);
})();
