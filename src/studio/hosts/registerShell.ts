/** The page as it is kept in this browser. */
export interface KeptShell {
  /** This page came without the worker that isolates it: the next load is isolated. */
  readonly isFirst: boolean
  /** Resolves when the page opens without a network. */
  readonly kept: Promise<void>
  /** Resolves when there is a newer build than the one that this page shows; `renew` takes it. */
  readonly renewed: Promise<void>
  /** Takes the newer build: this page and all other tabs of it load again. */
  renew(): void
}

/**
 * Keeps the page in this browser, so that it opens without a network; from the next load on it is isolated too, which
 * lends it threads. Call it once, after the page has been drawn.
 * @returns null where the browser keeps no pages, as on an address without https
 */
export function registerShell(): KeptShell | null {
  if (!('serviceWorker' in navigator)) return null
  const container = navigator.serviceWorker
  const hadShell = container.controller !== null
  const registered = container.register(new URL('serviceWorker.js', document.baseURI))
  const renewed = registered.then(
    (registration) =>
      new Promise<void>((resolve) => {
        const look = (): void => {
          if (hadShell && registration.waiting !== null) resolve()
        }
        look()
        registration.addEventListener('updatefound', () => {
          registration.installing?.addEventListener('statechange', look)
        })
      }),
  )
  const kept = registered.then(async () => {
    await container.ready
  })
  for (const promise of [renewed, kept]) promise.catch(() => undefined)
  return {
    isFirst: !hadShell,
    kept,
    renewed,
    renew() {
      container.addEventListener('controllerchange', () => location.reload(), { once: true })
      void registered.then(({ waiting }) => waiting?.postMessage('renew'))
    },
  }
}
