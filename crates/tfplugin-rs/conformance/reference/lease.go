package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// lease is an ephemeral resource: its script goes into its private state, for renewal and end.
type lease struct{}

// due is when a lease is to be renewed.
var due = time.Unix(4_000_000_000, 0).UTC()

func (lease) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_lease"
}

func (lease) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"rule_a": schema.StringAttribute{Optional: true},
		"rule_b": schema.StringAttribute{Optional: true},
		"rule_c": schema.StringAttribute{Optional: true},
		"script": schema.StringAttribute{Optional: true},
		"name":   schema.StringAttribute{Required: true},
		"token":  schema.StringAttribute{Computed: true, Sensitive: true},
		"length": schema.NumberAttribute{Optional: true, Computed: true},
	}}
}

func (lease) ValidateConfig(_ context.Context, req ephemeral.ValidateConfigRequest, resp *ephemeral.ValidateConfigResponse) {
	if scriptOf(req.Config.Raw) == "validate_error" {
		resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
	}
}

func (lease) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	script := scriptOf(req.Config.Raw)
	switch script {
	case "open_error":
		resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
		return
	case "open_warn":
		resp.Diagnostics.AddWarning("Warned", "As the script says.")
	case "open_defer":
		if !req.ClientCapabilities.DeferralAllowed {
			resp.Diagnostics.Append(refused()...)
			return
		}
		resp.Deferred = &ephemeral.Deferred{Reason: ephemeral.DeferredReasonAbsentPrereq}
		resp.Result.Raw = tftypes.NewValue(resp.Result.Schema.Type().TerraformType(ctx), tftypes.UnknownValue)
		return
	case "open_forever":
	default:
		resp.RenewAt = due
	}
	text, _ := json.Marshal(script)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, "script", text)...)
	result, err := tftypes.Transform(req.Config.Raw, func(at *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		name, ok := at.LastStep().(tftypes.AttributeName)
		if ok && value.IsNull() && (name == "token" || name == "length") {
			return made(value.Type()), nil
		}
		return value, nil
	})
	if err != nil {
		resp.Diagnostics.AddError("Cannot open", err.Error())
		return
	}
	resp.Result.Raw = result
}

// kept reads the script that Open has left.
func kept(ctx context.Context, private privateState, diagnostics *diag.Diagnostics) string {
	text, found := private.GetKey(ctx, "script")
	diagnostics.Append(found...)
	var script string
	_ = json.Unmarshal(text, &script)
	return script
}

func (lease) Renew(ctx context.Context, req ephemeral.RenewRequest, resp *ephemeral.RenewResponse) {
	switch kept(ctx, req.Private, &resp.Diagnostics) {
	case "renew_error":
		resp.Diagnostics.AddError("Refused", "As the script says.")
		return
	case "renew_warn":
		resp.Diagnostics.AddWarning("Warned", "As the script says.")
	}
	resp.Diagnostics.Append(count(ctx, resp.Private, "renewed")...)
	resp.RenewAt = due
}

func (lease) Close(ctx context.Context, req ephemeral.CloseRequest, resp *ephemeral.CloseResponse) {
	switch kept(ctx, req.Private, &resp.Diagnostics) {
	case "close_error":
		resp.Diagnostics.AddError("Refused", "As the script says.")
	case "close_warn":
		resp.Diagnostics.AddWarning("Warned", "As the script says.")
	}
}
