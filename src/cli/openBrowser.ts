import { spawn } from 'node:child_process'

/**
 * Opens an address in the browser of whoever sits here; where there is none, nothing happens.
 * @param system `process.platform`
 */
export function openBrowser(address: string, system: NodeJS.Platform = process.platform): void {
  const [program, ...before] = programOf(system)
  if (program === undefined) return
  const browser = spawn(program, [...before, address], { stdio: 'ignore', detached: true })
  // It may not be there; the address is printed in any case.
  browser.on('error', () => undefined)
  browser.unref()
}

function programOf(system: NodeJS.Platform): readonly string[] {
  if (system === 'darwin') return ['open']
  if (system === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler']
  const { DISPLAY: x11, WAYLAND_DISPLAY: wayland } = process.env
  return (x11 ?? wayland ?? '') === '' ? [] : ['xdg-open']
}
