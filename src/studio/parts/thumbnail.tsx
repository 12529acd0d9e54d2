import { useEffect, useState } from 'preact/hooks'
import type { RunEntry } from '../../session/runHost.js'
import type { Studio } from '../state/studio.js'

/** The latest picture of a run, small. */
export function Thumbnail({ studio, run }: { readonly studio: Studio; readonly run: RunEntry }) {
  const [address, setAddress] = useState<string | null>(null)
  useEffect(() => {
    if (run.thumbnail === null) return
    let gone = false
    let made: string | null = null
    void studio.host
      .file(run.name, run.thumbnail)
      .catch(() => null)
      .then((file) => {
        if (gone || file === null) return
        made = URL.createObjectURL(file)
        setAddress(made)
      })
    return () => {
      gone = true
      if (made !== null) URL.revokeObjectURL(made)
    }
  }, [run.name, run.thumbnail, run.state])
  return <span class="thumbnail">{address === null ? null : <img src={address} alt="" />}</span>
}
