package main

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// lookup is a data source: what it is not told it makes up.
type lookup struct{}

func (lookup) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_lookup"
}

func (lookup) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{
			"rule_a": schema.StringAttribute{Optional: true},
			"rule_b": schema.StringAttribute{Optional: true},
			"rule_c": schema.StringAttribute{Optional: true},
			"script": schema.StringAttribute{Optional: true},
			"label":  schema.StringAttribute{Optional: true, CustomType: caselessType{}},
			"key":    schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.UTF8LengthBetween(1, 5)}},
			"tags":   schema.SetAttribute{Optional: true, ElementType: types.StringType},
			"value":  schema.StringAttribute{Computed: true},
			"total":  schema.NumberAttribute{Computed: true},
			"filter": schema.ListNestedAttribute{Optional: true, NestedObject: schema.NestedAttributeObject{
				Attributes: map[string]schema.Attribute{
					"name":  schema.StringAttribute{Required: true},
					"found": schema.BoolAttribute{Computed: true},
				},
			}},
		},
	}
}

func (lookup) ValidateConfig(_ context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	if scriptOf(req.Config.Raw) == "validate_error" {
		resp.Diagnostics.AddAttributeError(path.Root("script"), "Refused", "As the script says.")
	}
}

func (lookup) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	switch scriptOf(req.Config.Raw) {
	case "read_error":
		resp.Diagnostics.AddAttributeError(path.Root("key"), "Refused", "As the script says.")
		return
	case "read_warn":
		resp.Diagnostics.AddWarning("Warned", "As the script says.")
	case "read_defer":
		if !req.ClientCapabilities.DeferralAllowed {
			resp.Diagnostics.Append(refused()...)
			return
		}
		resp.Deferred = &datasource.Deferred{Reason: datasource.DeferredReasonAbsentPrereq}
		resp.State.Raw = tftypes.NewValue(resp.State.Schema.Type().TerraformType(ctx), tftypes.UnknownValue)
		return
	}
	config := req.Config.Raw
	if scriptOf(config) == "read_meta" {
		config, _ = with(config, "value", "note "+textOf(req.ProviderMeta.Raw, "note"))
	}
	state, err := tftypes.Transform(config, func(at *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		if name, ok := at.LastStep().(tftypes.AttributeName); ok && value.IsNull() {
			switch name {
			case "value", "total", "found":
				return made(value.Type()), nil
			}
		}
		return value, nil
	})
	if err != nil {
		resp.Diagnostics.AddError("Cannot complete the data", err.Error())
		return
	}
	if label := textOf(state, "label"); label != "" && scriptOf(config) == "read_shout" {
		state, _ = with(state, "label", strings.ToUpper(label))
	}
	resp.State.Raw = state
}
