import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

/** A labelled control with a line of help below it; `children` gets the ids that the control needs. */
export function Field({
  label,
  help,
  extra,
  children,
}: {
  readonly label: string
  readonly help?: string | undefined
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
        <p class="help" id={helpId}>
          {help}
        </p>
      )}
    </div>
  )
}
