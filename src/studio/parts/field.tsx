import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

/** A labelled control with a line of help below it; `children` gets the ids that the control needs. */
export function Field({
  label,
  help,
  quiet = false,
  extra,
  children,
}: {
  readonly label: string
  readonly help?: string | undefined
  /** The help is said elsewhere for who can see it. */
  readonly quiet?: boolean
  readonly extra?: ComponentChildren
  readonly children: (ids: {
    readonly id: string
    readonly 'aria-describedby': string | undefined
  }) => ComponentChildren
}) {
  const id = useId()
  const helpId = `${id}-help`
  return (
    <div class="field">
      <div class="field-head">
        <label for={id}>{label}</label>
        {extra}
      </div>
      {children({ id, 'aria-describedby': help === undefined ? undefined : helpId })}
      {help !== undefined && (
        <p class={quiet ? 'hidden' : 'help'} id={helpId}>
          {help}
        </p>
      )}
    </div>
  )
}
