export default {
  // The models that the package carries are served beside the page.
  publicDir: 'node_modules/text2live/models',
  worker: { format: 'es' },
  build: { target: 'esnext' },
  // With these headers, and on the server that serves the built page, ONNX Runtime uses all cores.
  server: {
    headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
  },
}
