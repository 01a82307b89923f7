package main

import (
	"context"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/numbervalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// checked takes arguments of every kind that validators look at, and says how many they are.
type checked struct{}

func (checked) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "checked"
}

func (checked) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Parameters: []function.Parameter{
			function.StringParameter{Name: "text", AllowNullValue: true, AllowUnknownValues: true,
				Validators: []function.StringParameterValidator{stringvalidator.UTF8LengthBetween(1, 5), stringvalidator.NoneOf("b")}},
			function.Int64Parameter{Name: "count", Validators: []function.Int64ParameterValidator{int64validator.Between(1, 10)}},
			function.Float64Parameter{Name: "share", AllowNullValue: true,
				Validators: []function.Float64ParameterValidator{float64validator.AtMost(5)}},
			function.NumberParameter{Name: "number", Validators: []function.NumberParameterValidator{numbervalidator.NoneOf(big.NewFloat(-1))}},
			function.ListParameter{Name: "list", ElementType: types.StringType, AllowNullValue: true, AllowUnknownValues: true,
				Validators: []function.ListParameterValidator{listvalidator.SizeAtMost(1)}},
			function.MapParameter{Name: "map", ElementType: types.StringType,
				Validators: []function.MapParameterValidator{mapvalidator.SizeBetween(0, 1)}},
			function.SetParameter{Name: "set", ElementType: types.StringType,
				Validators: []function.SetParameterValidator{setvalidator.SizeAtLeast(0)}},
		},
		VariadicParameter: function.StringParameter{Name: "words",
			Validators: []function.StringParameterValidator{stringvalidator.LengthAtMost(5), stringvalidator.OneOfCaseInsensitive("A", "b", "go", "d")}},
		Return: function.StringReturn{},
	}
}

func (checked) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text types.String
	var count int64
	var share types.Float64
	var number *big.Float
	var list, named, set = types.List{}, map[string]*string{}, []*string{}
	var words []string
	if resp.Error = req.Arguments.Get(ctx, &text, &count, &share, &number, &list, &named, &set, &words); resp.Error != nil {
		return
	}
	resp.Error = resp.Result.Set(ctx, fmt.Sprint(count, len(named), len(set), len(words)))
}
