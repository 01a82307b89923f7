package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
)

// poke is an action that tells of its progress twice.
type poke struct{}

func (poke) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_poke"
}

func (poke) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"rule_a": schema.StringAttribute{Optional: true},
		"rule_b": schema.StringAttribute{Optional: true},
		"rule_c": schema.StringAttribute{Optional: true},
		"script": schema.StringAttribute{Optional: true},
		"name":   schema.StringAttribute{Required: true},
	}}
}

func (poke) ValidateConfig(_ context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	if scriptOf(req.Config.Raw) == "validate_error" {
		resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
	}
}

func (poke) ModifyPlan(_ context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	switch scriptOf(req.Config.Raw) {
	case "plan_error":
		resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
	case "plan_warn":
		resp.Diagnostics.AddWarning("Warned", "As the script says.")
	case "plan_defer":
		if !req.ClientCapabilities.DeferralAllowed {
			resp.Diagnostics.Append(refused()...)
			return
		}
		resp.Deferred = &action.Deferred{Reason: action.DeferredReasonAbsentPrereq}
	}
}

func (poke) Invoke(_ context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	resp.SendProgress(action.InvokeProgressEvent{Message: "one"})
	switch scriptOf(req.Config.Raw) {
	case "invoke_error":
		resp.Diagnostics.AddAttributeError(path.Root("name"), "Refused", "As the script says.")
		return
	case "invoke_warn":
		resp.Diagnostics.AddWarning("Warned", "As the script says.")
	}
	resp.SendProgress(action.InvokeProgressEvent{Message: "two"})
}
