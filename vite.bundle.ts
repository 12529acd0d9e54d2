import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/**
 * `text2live/core` with all that it imports as files that a page loads without a bundler, in dist/bundle. ONNX Runtime
 * is not in it: the page brings its own.
 */
export default defineConfig({
  publicDir: false,
  build: {
    lib: { entry: path('src/core.ts'), formats: ['es'], fileName: () => 'text2live.js' },
    outDir: path('dist/bundle'),
    target: 'es2022',
    license: { fileName: 'licences.md' },
    chunkSizeWarningLimit: 2_000,
  },
})
