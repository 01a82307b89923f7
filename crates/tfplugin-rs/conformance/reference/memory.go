package main

import (
	"context"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// memory is a resource that becomes what was planned for it.
type memory struct {
	name   string
	schema func() schema.Schema
}

// remembers makes a scripted resource of a schema.
func remembers(name string, schema func() schema.Schema) func() resource.Resource {
	return func() resource.Resource { return scripted{memory{name, schema}} }
}

func (m memory) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + m.name
}

func (m memory) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = m.schema()
}

// privateState is what operations keep beside the state.
type privateState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// count adds one to a number in the private state.
func count(ctx context.Context, private privateState, key string) diag.Diagnostics {
	bytes, diagnostics := private.GetKey(ctx, key)
	before, _ := strconv.Atoi(string(bytes))
	diagnostics.Append(private.SetKey(ctx, key, []byte(strconv.Itoa(before+1)))...)
	return diagnostics
}

// refused is an error about nothing in particular.
func refused() (diagnostics diag.Diagnostics) {
	diagnostics.AddError("Refused", "As the script says.")
	return diagnostics
}

// importScript does what the id of an import says. False if that is the end of it.
func importScript(ctx context.Context, id string, mayDefer bool, resp *resource.ImportStateResponse) bool {
	switch id {
	case "error":
		resp.Diagnostics.Append(refused()...)
	case "defer":
		if !mayDefer {
			resp.Diagnostics.Append(refused()...)
			return false
		}
		resp.Deferred = &resource.Deferred{Reason: resource.DeferredReasonAbsentPrereq}
		resp.State.Raw = tftypes.NewValue(resp.State.Raw.Type(), tftypes.UnknownValue)
		return false
	case "warn":
		resp.Diagnostics.AddWarning("Warned", "As the id says.")
	case "private":
		resp.Diagnostics.Append(count(ctx, resp.Private, "imported")...)
	}
	return !resp.Diagnostics.HasError()
}

// apply is create and update: the plan with its unknowns filled in, or what the script says.
func apply(ctx context.Context, plan, config, meta tftypes.Value, private privateState, diagnostics *diag.Diagnostics) (tftypes.Value, bool) {
	script := scriptOf(plan)
	if script == "apply_error" {
		diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
		return plan, false
	}
	if script == "apply_private" {
		diagnostics.Append(count(ctx, private, "applied")...)
	}
	if script == "apply_meta" && unknownStamp(plan) {
		plan, _ = with(plan, "stamp", "note "+textOf(meta, "note"))
	}
	if secret := textOf(config, "secret_wo"); secret != "" && unknownStamp(plan) {
		plan, _ = with(plan, "stamp", "saw "+secret)
	}
	done, err := plan, error(nil)
	if script != "apply_unknown" {
		done, err = complete(plan)
	}
	if err == nil && script == "apply_change" {
		done, err = with(done, "script", "changed")
	}
	if err != nil {
		diagnostics.AddError("Cannot complete the plan", err.Error())
		return plan, false
	}
	switch script {
	case "apply_save_error":
		diagnostics.AddAttributeError(path.Root("stamp"), "Failed half way", "As the script says.")
	case "apply_warn":
		diagnostics.AddWarning("Warned", "As the script says.")
	}
	return done, true
}

func unknownStamp(plan tftypes.Value) bool {
	var object map[string]tftypes.Value
	return plan.As(&object) == nil && !object["stamp"].IsKnown()
}

func (m memory) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	if state, ok := apply(ctx, req.Plan.Raw, req.Config.Raw, req.ProviderMeta.Raw, resp.Private, &resp.Diagnostics); ok {
		resp.State.Raw = state
	}
}

func (m memory) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	if state, ok := apply(ctx, req.Plan.Raw, req.Config.Raw, req.ProviderMeta.Raw, resp.Private, &resp.Diagnostics); ok {
		resp.State.Raw = state
	}
}

func (m memory) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	switch scriptOf(req.State.Raw) {
	case "read_gone":
		resp.State.RemoveResource(ctx)
	case "read_error":
		resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
	case "read_warn":
		resp.Diagnostics.AddWarning("Warned", "As the script says.")
	case "read_private":
		resp.Diagnostics.Append(count(ctx, resp.Private, "read")...)
	case "read_drift":
		resp.State.Raw, _ = with(req.State.Raw, "stamp", "drifted")
	case "read_meta":
		resp.State.Raw, _ = with(req.State.Raw, "stamp", "note "+textOf(req.ProviderMeta.Raw, "note"))
	case "read_defer":
		if !req.ClientCapabilities.DeferralAllowed {
			resp.Diagnostics.Append(refused()...)
			return
		}
		resp.Deferred = &resource.Deferred{Reason: resource.DeferredReasonAbsentPrereq}
	}
}

func (m memory) Delete(_ context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	switch scriptOf(req.State.Raw) {
	case "delete_error":
		resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
	case "delete_warn":
		resp.Diagnostics.AddWarning("Warned", "As the script says.")
	}
}

// scripted is a memory that also has its say when it is validated and planned.
type scripted struct{ memory }

func (s scripted) ValidateConfig(_ context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	switch scriptOf(req.Config.Raw) {
	case "validate_error":
		resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
	case "validate_warn":
		resp.Diagnostics.AddWarning("Warned", "As the script says.")
	}
}

func (s scripted) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		switch scriptOf(req.State.Raw) {
		case "destroy_error":
			resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
		case "destroy_warn":
			resp.Diagnostics.AddWarning("Warned", "As the script says.")
		}
		return
	}
	switch scriptOf(req.Plan.Raw) {
	case "plan_error":
		resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
	case "plan_warn":
		resp.Diagnostics.AddAttributeWarning(path.Root("stamp"), "Warned", "As the script says.")
	case "plan_replace":
		resp.RequiresReplace.Append(path.Root("script"))
	case "plan_private":
		resp.Diagnostics.Append(count(ctx, resp.Private, "planned")...)
	case "plan_set":
		resp.Plan.Raw, _ = with(req.Plan.Raw, "stamp", "planned")
	case "plan_meta":
		resp.Plan.Raw, _ = with(req.Plan.Raw, "stamp", "note "+textOf(req.ProviderMeta.Raw, "note"))
	case "plan_defer":
		if !req.ClientCapabilities.DeferralAllowed {
			resp.Diagnostics.Append(refused()...)
			return
		}
		resp.Deferred = &resource.Deferred{Reason: resource.DeferredReasonResourceConfigUnknown}
	}
}
