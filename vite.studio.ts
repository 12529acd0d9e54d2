import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { sitePlugin } from './scripts/site/sitePlugin.js'

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/**
 * The studio's page. `--mode served`: what `text2live studio` serves, in dist/studio; it trains on the server and
 * carries no engine. `--mode tab`: a static site that does all in the tab, in dist-site.
 */
export default defineConfig(({ mode }) => ({
  root: folder('src/studio'),
  base: './',
  publicDir: false,
  define: mode === 'served' ? { STUDIO_HOST: '"served"', STUDIO_FILES: '[]' } : { STUDIO_HOST: '"tab"' },
  plugins: mode === 'served' ? [] : [sitePlugin()],
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  worker: { format: 'es' },
  build: {
    outDir: folder(mode === 'served' ? 'dist/studio' : 'dist-site'),
    emptyOutDir: true,
    target: 'es2022',
    license: { fileName: 'licences.md' },
    chunkSizeWarningLimit: 2_000,
  },
  // ONNX Runtime's bundles would otherwise carry their WebAssembly into the page's assets.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'import', 'default'] },
}))
