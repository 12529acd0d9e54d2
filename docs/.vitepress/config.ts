import { copyFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'

/** Anchors as GitHub makes them, so that a link works there and here. */
const slugify = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')

const place = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  title: 'text2live',
  description: 'Text-driven layered editing of photos and clips',
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  outDir: place('../../dist-docs'),
  cacheDir: place('../../build/vitepress'),
  // Help texts have <n> in them; nothing in the pages is HTML.
  markdown: { html: false, anchor: { slugify } },
  // TypeDoc writes it, after this site.
  ignoreDeadLinks: [/^\/api\//],
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/guide/photos' },
      { text: 'Options', link: '/options' },
      { text: 'API', link: '/api/index.html', target: '_self' },
    ],
    sidebar: [
      {
        text: 'Editing',
        items: [
          { text: 'Installing', link: '/installing' },
          { text: 'Photos', link: '/guide/photos' },
          { text: 'What the options do, in pictures', link: '/guide/option-pictures' },
          { text: 'Clips', link: '/guide/clips' },
          { text: 'Batches', link: '/batch' },
          { text: 'The studio', link: '/studio' },
          { text: 'Models', link: '/models' },
          { text: 'Measuring', link: '/guide/measuring' },
          { text: 'Fourteen photos', link: '/starter-gallery' },
        ],
      },
      {
        text: 'Looking up',
        items: [
          { text: 'The command line', link: '/guide/command-line' },
          { text: 'Options', link: '/options' },
          { text: 'Errors', link: '/errors' },
          { text: 'Events', link: '/events' },
          { text: 'CUDA', link: '/cuda' },
        ],
      },
      {
        text: 'Programs',
        items: [
          { text: 'Library', link: '/library' },
          { text: 'Browser', link: '/browser' },
          { text: 'HTTP', link: '/http' },
          { text: 'Many machines', link: '/scale' },
          { text: 'Plug-ins', link: '/plugins' },
          { text: 'API reference', link: '/api/index.html', target: '_self' },
        ],
      },
      {
        text: 'The method and the code',
        items: [
          { text: 'Research', link: '/research' },
          { text: 'One training step', link: '/a-step' },
          { text: 'Deviations', link: '/deviations' },
          { text: 'Benchmarks', link: '/benchmarks' },
          { text: 'Architecture', link: '/architecture' },
          { text: 'Dependencies', link: '/dependencies' },
        ],
      },
    ],
  },
  async buildEnd({ srcDir, outDir }) {
    await copyFile(`${srcDir}/openapi.json`, `${outDir}/openapi.json`)
  },
})
