import { defineConfig } from 'vite'

/** One page, no plugin. Everything leaves as its own file, because the server's CSP is `default-src 'self'`. */
export default defineConfig({
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2023',
    outDir: 'dist',
    emptyOutDir: true,
    // A data: URL is not 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
