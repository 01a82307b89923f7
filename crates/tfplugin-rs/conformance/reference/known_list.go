package main

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/list"
	listschema "github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// knownList finds known resources: always the same ones.
type knownList struct{}

var existing = []string{"a", "aaa", "b", "d", "go", "made"}

func (knownList) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_known"
}

func (knownList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = listschema.Schema{Attributes: map[string]listschema.Attribute{
		"rule_a": listschema.StringAttribute{Optional: true},
		"rule_b": listschema.StringAttribute{Optional: true},
		"rule_c": listschema.StringAttribute{Optional: true},
		"script": listschema.StringAttribute{Optional: true},
		"prefix": listschema.StringAttribute{Optional: true},
	}}
}

func (knownList) ValidateListResourceConfig(_ context.Context, req list.ValidateConfigRequest, resp *list.ValidateConfigResponse) {
	switch scriptOf(req.Config.Raw) {
	case "validate_error":
		resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
	case "validate_warn":
		resp.Diagnostics.AddWarning("Warned", "As the script says.")
	}
}

func (knownList) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	script, prefix := scriptOf(req.Config.Raw), textOf(req.Config.Raw, "prefix")
	stream.Results = func(push func(list.ListResult) bool) {
		var sent int64
		for _, name := range existing {
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			if req.Limit > 0 && sent == req.Limit {
				return
			}
			found := listed(ctx, req, name, script)
			if !found.Diagnostics.HasError() {
				sent++
			}
			if !push(found) {
				return
			}
		}
		if script == "list_end_error" {
			var end list.ListResult
			end.Diagnostics.AddError("Refused", "As the script says.")
			push(end)
		}
	}
}

// listed is one result, or what the script says.
func listed(ctx context.Context, req list.ListRequest, name, script string) list.ListResult {
	found := req.NewListResult(ctx)
	if script == "list_error" && name == "b" {
		return list.ListResult{Diagnostics: refused()}
	}
	if script == "list_warn" {
		found.Diagnostics.AddWarning("Warned", "As the script says.")
	}
	found.DisplayName = "the " + name
	ty := found.Resource.Schema.Type().TerraformType(ctx).(tftypes.Object)
	state := map[string]tftypes.Value{}
	for attribute, of := range ty.AttributeTypes {
		state[attribute] = tftypes.NewValue(of, nil)
	}
	state["name"] = tftypes.NewValue(tftypes.String, name)
	raw := tftypes.NewValue(ty, state)
	if script != "list_anonymous" {
		identify(ctx, raw, found.Identity)
	}
	if script != "list_bare" && req.IncludeResource {
		found.Resource.Raw = raw
	}
	return found
}
